#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Answers of targets in each form that HTTP/1 has, whole and in pieces, and
# connections that are kept, closed in time, or closed too early; over and
# over again, as what a scrape has left behind must not touch the next.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IO::Compress::Gzip qw(gzip);
use IO::Select;
use IO::Socket::INET;
use POSIX qw(_exit);
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Time::HiRes qw(sleep);

my $t = Test::Pharos->new;

my $body = join '', map { "sample{i=\"$_\"} $_.5\n" } 1 .. 500;
my $sum = 500 * 501 / 2 + 250;
my $type = "Content-Type: text/plain\r\n";

gzip(\$body, \my $packed);

# two members, and one whose last number lacks digits
my $half = index $body, "sample{i=\"250\"}";
my @halves = (substr($body, 0, $half), substr $body, $half);
gzip(\$halves[0], \my $first);
gzip(\$halves[1], \my $second);
my $members = $first . $second;

my $line = "sample 12345\n";
gzip(\$line, \my $stored, -Level => 0);
my $cut = substr $stored, 0, 2 + index $stored, '12345';

# name => bytes after which it pauses, answer; and closes the connection
my %answers = (
    length => [ 0, head(length $body) . $body ],
    pieces => [ 1000, head(length $body) . $body ],
    head_pieces => [ 7, head(length 'sample 9') . 'sample 9' ],
    chunked => [ 0, chunked($body, 1000) ],
    chunked_pieces => [ 999, chunked($body, 1000) ],
    chunked_bytes => [ 1, chunked("sample 3\n", 4) ],
    until_close => [ 0, "HTTP/1.1 200 OK\r\n$type\r\n$body", 1 ],
    old => [ 0, "HTTP/1.0 200 OK\r\n$type\r\n$body", 1 ],
    says_close => [ 0, head(length $body, 'Connection: close') . $body, 1 ],
    closes => [ 0, head(length $body) . $body, 1 ],
    gzip => [ 0, head(length $packed, 'Content-Encoding: gzip') . $packed ],
    gzip_chunked => [ 100, chunked($packed, 300, 'Content-Encoding: gzip') ],
    gzip_members => [ 0, head(length $members, 'Content-Encoding: gzip')
                         . $members ],
    spaced => [ 0, "HTTP/1.1 200\r\ncontent-length:  9  \r\n\r\nsample 4\n" ],
    none => [ 0, head(0) ],
    moved => [ 0, "HTTP/1.1 302 Found\r\nLocation: /length\r\n"
                  . "Content-Length: 0\r\n\r\n" ],

    alone => [ 0, head(length $body) . $body ],

    # not up
    short => [ 0, head(2 + length $body) . $body, 1 ],
    gzip_broken => [ 0, head(20, 'Content-Encoding: gzip') . 'x' x 20 ],
    gzip_short => [ 0, head(length($packed) - 20, 'Content-Encoding: gzip')
                       . substr $packed, 0, -20 ],
    gzip_cut => [ 0, head(length $cut, 'Content-Encoding: gzip') . $cut ],
    gzip_end => [ 0, head(length($packed) - 4, 'Content-Encoding: gzip')
                     . substr $packed, 0, -4 ],
    chunk_broken => [ 0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                         . "\r\nxyz\r\n" . $body, 1 ],
    garbage => [ 0, "what is this\r\n\r\n", 1 ],
    nothing => [ 0, '', 1 ],
    error => [ 0, "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno" ],
    hangs => [ 0, head(10) . 'sample 1' ],
);

my @bad = qw(short gzip_broken gzip_short gzip_cut gzip_end chunk_broken
             garbage nothing error hangs);
my %one = (head_pieces => 9, chunked_bytes => 3, spaced => 4);

my $port = listen_on();
my $alone = listen_on();

my $jobs = join '', map { <<"END" } grep { $_ ne 'alone' } sort keys %answers;
- job_name: $_
  metrics_path: /$_
  static_configs: [{ targets: ['127.0.0.1:$port'] }]
- job_name: named_$_
  metrics_path: /$_
  static_configs: [{ targets: ['localhost:$port'] }]
END

$jobs .= <<"END";
- job_name: alone
  metrics_path: /alone
  static_configs: [{ targets: ['127.0.0.1:$alone'] }]
END

$t->write_file('prometheus.yml', <<"END");
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
$jobs
END

serve($t)->run;
$t->wait_ready;

my %bad = map { $_ => 1 } @bad;

for my $name (grep { $_ ne 'alone' } sort keys %answers) {
    for my $job ($name, "named_$name") {
        if ($bad{$name}) {
            wait_value($t, "up{job=\"$job\"}", 0, "$job is down");
            next;
        }

        my $want = $one{$name} || ($name eq 'none' ? undef : $sum);

        # twice at least, so that connections were used again
        wait_value($t, "sum_over_time(up{job=\"$job\"}[1m]) > bool 2", 1,
                   "$job is up");
        is(value($t, "min_over_time(up{job=\"$job\"}[1m])"), 1,
           "$job was always up");
        is(value($t, "sum(sample{job=\"$job\"})"), $want,
           "$job has its samples");
    }
}

wait_value($t, 'sum_over_time(up{job="alone"}[1m]) > bool 2', 1,
           'the target alone is up');

is(target_of($t, 'hangs')->{lastError}, 'context deadline exceeded',
   'a body that does not end is too late');
is(target_of($t, 'error')->{lastError}, 'server returned HTTP status 503',
   'a status of an error is told');

# one target alone at its address

my %alone = map { /^alone (\d+)/ ? ($1 => 1) : () }
            split /\n/, $t->read_file('connections');

is(scalar keys %alone, 1, 'a connection is used again');

$t->done;


sub head {
    my ($length, @more) = @_;

    return "HTTP/1.1 200 OK\r\n$type" . join('', map { "$_\r\n" } @more)
           . "Content-Length: $length\r\n\r\n";
}


sub chunked {
    my ($text, $size, @more) = @_;

    my $out = "HTTP/1.1 200 OK\r\n$type" . join('', map { "$_\r\n" } @more)
              . "Transfer-Encoding: chunked\r\n\r\n";

    while ($text =~ /(.{1,$size})/gs) {
        $out .= sprintf "%x;name=value\r\n%s\r\n", length $1, $1;
    }

    return "${out}0\r\nX-Trailer: 1\r\n\r\n";
}


# the port of a server of its own
sub listen_on {
    my $listener = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 256,
        Proto => 'tcp', ReuseAddr => 1,
    ) or die "no listener: $!";

    $t->child(sub { answer_loop($listener) });

    return $listener->sockport;
}


sub answer_loop {
    my ($listener) = @_;

    local $SIG{CHLD} = 'IGNORE';
    local $SIG{PIPE} = 'IGNORE';
    my $parent = getppid;

    while (getppid == $parent) {
        next unless IO::Select->new($listener)->can_read(0.5);
        my $c = $listener->accept or next;
        my $pid = fork;

        if (defined $pid && $pid == 0) {
            close $listener;
            answer_connection($c);
            _exit(0);
        }

        close $c;
    }
}


sub answer_connection {
    my ($c) = @_;

    my $in = '';
    $c->autoflush(1);

    while (1) {
        until ($in =~ /\r\n\r\n/) {
            return unless sysread $c, $in, 65536, length $in;
        }

        my ($name) = $in =~ /^GET \/(\w+)/;
        $in = '';

        my ($pause, $out, $closes) = @{ $answers{$name} };

        open my $f, '>>', $t->dir . '/connections';
        syswrite $f, "$name $$\n";
        close $f;

        if ($pause) {
            while ($out =~ /(.{1,$pause})/gs) {
                syswrite $c, $1;
                sleep 0.0005;
            }
        } else {
            syswrite $c, $out;
        }

        return if $closes;
    }
}
