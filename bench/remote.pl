#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# A real prometheus scrapes a node exporter and generated targets and writes
# all of it to an nginx with pharos; it is restarted twice, the second half
# of the time it sends metadata too; nginx is reloaded and its helper killed.
# Then each sample of each series of the one must be in the other, and
# nothing else.  At last the blocks of that prometheus are imported into
# another store, which must have the same.
#
# DURATION (600 s); needs prometheus and prometheus-node-exporter.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";

use HTTP::Tiny;
use JSON::PP ();
use IO::Socket::INET;
use POSIX qw(_exit floor);
use Test::More;
use Test::Pharos;
use Test::Pharos::Api qw(escape);
use Time::HiRes qw(sleep time);

use constant { INTERVAL => 2, WINDOW => 30, SHOWN => 12 };

my $duration = $ENV{DURATION} || 600;

for my $program (qw(prometheus prometheus-node-exporter)) {
    plan(skip_all => "no $program")
        unless grep { -x "$_/$program" } split /:/, $ENV{PATH};
}

my $t = Test::Pharos->new;
my $dir = $t->dir;
my $http = HTTP::Tiny->new(timeout => 120);
my $exporter = Test::Pharos::free_port();
my $theirs = Test::Pharos::free_port();
my $prometheus;

$t->allow(qr/exited on signal 9/);
$t->conf('server { listen 127.0.0.1:%%PORT_0%%; location / { pharos; } }');
$t->run;
$t->wait_ready;

program('prometheus-node-exporter', "--web.listen-address=127.0.0.1:$exporter",
        '--web.disable-exporter-metrics');

my @targets = map { target($_) } 1 .. 4;
my $began = time;

configure(metadata => 0);
start();

my $fifth = $duration / 5;
my (@gaps, %known);

at(1);
restart(metadata => 1);
at(2);
$t->reload;
at(3);
kill 'KILL', $t->helpers;
at(4);
restart(metadata => 1);
at(5);

%known = %{ ask($theirs, '/api/v1/metadata') || {} };

# no more is scraped; what is under way comes to its end

my $ended = time;
configure(scrape => 0);
restart();
sleep 3;

my ($from, $to) = (floor($began) - 5, floor($ended) + 30);

# the protobuf of prometheus leaves out what equals 0, and -0 does

compare('remote write', $theirs, $t->port, \@gaps, sub { $_[0] eq '-0' ? '0'
                                                          : $_[0] });
ends('remote write', $t->port, \@gaps);
metadata();

imported();
$t->done;


sub at {
    my ($n) = @_;

    sleep 0.1 while time < $began + $n * $fifth;
    diag(sprintf '%d s', time - $began);
}


sub configure {
    my (%args) = @_;

    my $send = $args{metadata} ? 'true' : 'false';
    my $port = $t->port;
    my $lists = join '', map {
        "  - targets: ['127.0.0.1:$_']\n    labels: { kind: k$_ }\n"
    } @targets;
    my $text = "global: { scrape_interval: @{[INTERVAL]}s, scrape_timeout: "
             . "@{[INTERVAL]}s }\n";

    $text .= <<"END" if !exists $args{scrape} || $args{scrape};
scrape_configs:
- job_name: node
  static_configs: [{ targets: ['127.0.0.1:$exporter'] }]
- job_name: prometheus
  static_configs: [{ targets: ['127.0.0.1:$theirs'] }]
- job_name: made
  static_configs:
$lists
remote_write:
- url: http://127.0.0.1:$port/api/v1/write
  metadata_config: { send: $send, send_interval: 10s }
END

    $t->write_file('prometheus-remote.yml', $text);
}


sub start {
    $prometheus = program('prometheus',
        "--config.file=$dir/prometheus-remote.yml",
        "--storage.tsdb.path=$dir/tsdb", '--web.enable-admin-api',
        "--web.listen-address=127.0.0.1:$theirs");

    $t->wait_for(sub { $http->get("http://127.0.0.1:$theirs/-/ready")
                            ->{status} == 200 }, 'prometheus runs', 60);
}


# What it has read last when it ends it may not send, and later it does not
# look back: such samples are missing by its doing.
sub restart {
    my (%args) = @_;

    configure(%args) if %args;

    my $gap = [ time - INTERVAL ];

    kill 'TERM', $prometheus;
    waitpid $prometheus, 0;
    start();
    push @gaps, [ @$gap, time ];
}


sub program {
    my ($name, @args) = @_;

    return $t->child(sub {
        open STDOUT, '>>', "$dir/$name.log";
        open STDERR, '>&', \*STDOUT;
        exec $name, @args or _exit(127);
    });
}


# A target with values of all kinds, and with series that come and go.  Its
# port.
sub target {
    my ($kind) = @_;

    my $listener = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', Listen => 16, Proto => 'tcp',
        ReuseAddr => 1,
    ) or die "no listener: $!";

    $t->child(sub {
        my $n = 0;

        while (my $c = $listener->accept) {
            while (defined(my $line = <$c>)) {
                next if $line ne "\r\n";

                my $body = exposed($kind, ++$n);

                print {$c} "HTTP/1.1 200 OK\r\nContent-Type: text/plain; "
                    . "version=0.0.4\r\nContent-Length: " . length($body)
                    . "\r\n\r\n$body";
                $c->flush;
            }
        }
    });

    return $listener->sockport;
}


sub exposed {
    my ($kind, $n) = @_;

    my @odd = qw(NaN +Inf -Inf -0 1e300 4.9e-324 0.1);
    my @lines = ('# HELP made_total What was made.', '# TYPE made_total counter');

    push @lines, map { "made_total{i=\"$_\"} " . $n * $_ } 1 .. 100;
    push @lines, '# HELP made_wave It goes "up" and \\\\ down.',
         '# TYPE made_wave gauge';
    push @lines, map { sprintf "made_wave{i=\"%d\"} %.17g", $_,
                       sin($n + $_) * 1e6 } 1 .. 50;
    push @lines, map { "made_odd{i=\"$_\",u=\"\xc3\xa9\\\"\"} "
                       . $odd[($n + $_) % @odd] } 1 .. 14;

    # one that lives for some scrapes
    push @lines, "made_short{n=\"" . int($n / 7 + $kind) . '"} 1';
    push @lines, 'made_now_and_then 1' if $n % 5 < 3;

    return join "\n", @lines, '';
}


sub ask {
    my ($port, $path, %params) = @_;

    my $res = $http->get("http://127.0.0.1:$port$path?"
                         . join '&', map { "$_=" . escape($params{$_}) }
                                     sort keys %params);
    my $answer = eval { JSON::PP::decode_json($res->{content}) } || {};

    return $answer->{data};
}


# { series => { time => value } } of the samples after a time, and not after
# its end: ranges of prometheus 2 are closed, ours are open at their left
sub samples {
    my ($port, $end, $begin, $name) = @_;

    my $ms = ($end - $begin) * 1000 - ($port == $theirs ? 1 : 0);
    my $data = ask($port, '/api/v1/query', time => $end,
                   query => "{__name__$name}[${ms}ms]")
        or return;
    my %found;

    for my $s (@{ $data->{result} }) {
        my $m = $s->{metric};
        my $series = join ',', map { "$_=$m->{$_}" } sort keys %$m;

        $found{$series} = { map { $_->[0] => $_->[1] } @{ $s->{values} } };
    }

    return \%found;
}


sub compare {
    my ($what, $one, $other, $gaps, $sent) = @_;

    my ($nseries, $nsamples, $excused, @bad) = (0, 0, 0);
    my %seen;

    for (my $begin = $from; $begin < $to; $begin += WINDOW) {
        for my $name ('=~"made.+|up|scrape.+"',
                      '=~".+",__name__!~"made.+|up|scrape.+"')
        {
            my ($p, $o) = map { samples($_, $begin + WINDOW, $begin, $name) }
                          $one, $other;

            if (!$p || !$o) {
                push @bad, "no answer at $begin";
                next;
            }

            for my $series (keys %{ { %$p, %$o } }) {
                # nginx counts for itself
                next if $series =~ /\bjob=(?:nginx|pharos)\b/;

                my ($a, $b) = ($p->{$series} || {}, $o->{$series} || {});
                $nseries++ unless $seen{$series}++;

                for my $at (keys %{ { %$a, %$b } }) {
                    $nsamples++;

                    if (!defined $b->{$at}
                        && grep { $at >= $_->[0] && $at <= $_->[1] } @$gaps)
                    {
                        $excused++;
                    } elsif (!defined $a->{$at} || !defined $b->{$at}
                             || !same($sent->($a->{$at}), $b->{$at}))
                    {
                        push @bad, "$series at $at: prometheus "
                            . (defined $a->{$at} ? $a->{$at} : 'nothing')
                            . ', ours '
                            . (defined $b->{$at} ? $b->{$at} : 'nothing');
                    }
                }
            }
        }
    }

    is(scalar @bad, 0, "$what: all samples are equal");
    diag(join "\n", @bad > SHOWN ? @bad[0 .. SHOWN - 1] : @bad) if @bad;
    cmp_ok($nsamples, '>', 1000, "$what: $nsamples samples of $nseries "
           . "series compared");
    diag("$what: $nsamples samples of $nseries series, $excused of them not "
         . 'sent by prometheus when it was ended');
}


# as doubles
sub same {
    my ($one, $other) = @_;

    return $one eq $other
           || ($one !~ /[NI]/ && $other !~ /[NI]/
               && pack('d', $one) eq pack('d', $other));
}


# Where series end: a marker that is missing would show here.  A series of
# which a sample is missing is another only until its next one.
sub ends {
    my ($what, $other, $gaps) = @_;

    my @bad;

    for my $query ('made_now_and_then', 'count by (kind) (made_short)',
                   'count by (job) (up)',
                   'count by (job) ({__name__=~".+", job=~"node|made"})')
    {
        my ($p, $o) = map { steps($_, $query) } $theirs, $other;

        for my $point (keys %{ { %$p, %$o } }) {
            my ($at) = $point =~ / (\S+)$/;

            next if grep { $at >= $_->[0] && $at <= $_->[1] + 2 * INTERVAL }
                    @$gaps;

            push @bad, "$query, $point"
                if !defined $p->{$point} || !defined $o->{$point}
                   || $p->{$point} ne $o->{$point};
        }

        push @bad, "$query: no answer" unless %$p;
    }

    is(scalar @bad, 0, "$what: series end where they ended")
        or diag(join "\n", @bad > SHOWN ? @bad[0 .. SHOWN - 1] : @bad);
}


# { "labels time" => value } of a range query
sub steps {
    my ($port, $query) = @_;

    my $data = ask($port, '/api/v1/query_range', query => $query,
                   start => $from + 0.25, end => $to + 0.25, step => 1) || {};
    my %found;

    for my $s (@{ $data->{result} || [] }) {
        my $m = $s->{metric};
        my $series = join ',', map { "$_=$m->{$_}" } sort keys %$m;

        $found{"$series $_->[0]"} = $_->[1] for @{ $s->{values} };
    }

    return \%found;
}


sub metadata {
    my $ours = ask($t->port, '/api/v1/metadata') || {};
    my @bad = grep {
        my $p = $known{$_}[0];
        my ($o) = @{ $ours->{$_} || [] };

        !$o || $o->{type} ne $p->{type} || $o->{help} ne $p->{help};
    } grep { !/^(?:up|scrape_)/ } sort keys %known;

    is(scalar @bad, 0, 'metadata of all ' . keys(%known) . ' metrics')
        or diag("@bad");
}


# The blocks of that prometheus, and its newest samples as one more.
sub imported {
    my $res = $http->post("http://127.0.0.1:$theirs"
                          . '/api/v1/admin/tsdb/snapshot');
    my ($name) = $res->{content} =~ /"name":"([^"]+)"/;

    ok($name, 'prometheus makes a snapshot') or return;

    my $second = Test::Pharos->new;
    my $store = $second->dir . '/s';

    mkdir $store;

    my ($code, $out, $err) = $second->tool('import-tsdb', '--store', $store,
        '--from', "$dir/tsdb/snapshots/$name");

    is($code, 0, 'its blocks are imported') or diag($err);
    diag($out);

    system('chown', '-R', (getpwuid((stat "$dir/s")[4]))[0] . ':', $store);
    $second->conf('server { listen 127.0.0.1:%%PORT_0%%;'
                  . ' location / { pharos; } }');
    $second->run;
    $second->wait_ready;

    compare('import', $theirs, $second->port, [], sub { $_[0] });
    ends('import', $second->port, []);

    $second->stop;
    $second->check_log;
    $second->clean;
}
