package Test::Pharos::Stream;

# Copyright (C) The Pharos Authors
#
# A client that reads an answer as slowly as a test wants, and says whether
# it came to its end.
#
#   my $c = ask($t, '/api/v1/export?match[]=a');
#   taste($c, 1000);                    # waits for so many bytes
#   my ($whole, $body) = finish($c);

use strict;
use warnings;

use Exporter qw(import);
use IO::Select;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_RCVBUF);

our @EXPORT = qw(ask taste finish waste streams);


# a small window, so that a client that does not read is seen soon
sub ask {
    my ($t, $path, %headers) = @_;

    my $s = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!";
    setsockopt $s, SOL_SOCKET, SO_RCVBUF, 16384;
    $s->connect($t->port(0), Socket::inet_aton('127.0.0.1'))
        or die "connect: $!";

    my $method = delete $headers{method} || 'GET';

    print {$s} "$method $path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n",
               map({ "$_: $headers{$_}\r\n" } sort keys %headers), "\r\n";

    return { s => $s, raw => '' };
}


# at least n bytes of the answer, or what there is of it
sub taste {
    my ($c, $n) = @_;

    while (length $c->{raw} < $n) {
        last unless IO::Select->new($c->{s})->can_read(20);
        last unless sysread $c->{s}, $c->{raw}, 4096, length $c->{raw};
    }

    return length $c->{raw};
}


# whether the answer is whole, its body as far as it came, its header
sub finish {
    my ($c) = @_;

    while (IO::Select->new($c->{s})->can_read(20)) {
        last unless sysread $c->{s}, $c->{raw}, 1 << 20, length $c->{raw};
    }

    close $c->{s};

    my ($head, $rest) = split /\r\n\r\n/, $c->{raw}, 2;
    $rest = '' unless defined $rest;

    return (length $rest == $1, $rest, $head)
        if $head =~ /^Content-Length: (\d+)/mi;

    my $body = '';

    while ($rest =~ /\G([0-9a-f]+)\r\n/gc) {
        my ($n, $at) = (hex $1, pos $rest);

        return ($rest =~ /\G\r\n\z/gc, $body, $head) if $n == 0;

        $body .= substr $rest, $at, $n;
        last if $at + $n + 2 > length $rest;
        pos($rest) = $at + $n + 2;
    }

    return (0, $body, $head);
}


# hangs up
sub waste { close $_[0]{s} }


# how many answers are being made
sub streams {
    my ($t) = @_;

    return $t->metric($t->get('/metrics')->{content},
                      'pharos_tasks_running', pool => 'stream') || 0;
}


1;
