#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Alerts are sent to what "alerting" of prometheus.yml names: what arrives,
# at whom, and a real Alertmanager that takes it.  What the API says of them
# is what a real Prometheus says of the same file.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HTTP::Tiny;
use JSON::PP ();
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $dir = $t->dir;
my $http = HTTP::Tiny->new(timeout => 20);
my $target = $t->target('/metrics' => "m{i=\"a\"} 1\n");
my $sink = $t->target('/am/api/v2/alerts' => { body => '' });
my $other = $t->target('/api/v2/alerts' => { body => '' });
my $real = $t->free_port;

$t->write_file('rules.yml', <<'END');
groups:
- name: g
  interval: 500ms
  rules:
  - alert: Hot
    expr: m > 5
    labels: { severity: page, secret: x }
    annotations: { summary: "{{ $labels.i }} has {{ $value }}" }
END
$t->write_file('sd.yml', "[{ targets: ['127.0.0.1:1'], "
                         . "labels: { gone: 'yes' } }]");
settings(alertmanagers());
$t->allow(qr{sending alerts to "http://127.0.0.1:\d+/|alerts are sent to});

serve($t)->run;
$t->wait_ready;
wait_value($t, 'm', 1, 'scraped');
is(scalar $t->requests($sink), 0, 'nothing to tell');

# what the API says

my @urls = map { "http://" . port_of($t, $_->[0]) . $_->[1] }
               [ $sink, '/am/api/v2/alerts' ], [ $other, '/api/v2/alerts' ];
push @urls, "http://127.0.0.1:$real/api/v2/alerts";

$t->wait_for(sub { @{ said()->[0] } == @urls && @{ said()->[1] } == 1 },
             'members are discovered');
is_deeply(said(), [ [ sort @urls ], [ 'http://127.0.0.1:1/api/v2/alerts' ] ],
          'alertmanagers');

SKIP: {
    skip 'no prometheus', 1
        if system('prometheus --version >/dev/null 2>&1');

    my $own = $t->free_port;

    # it is too old for rules of a set, and is to send nothing itself

    (my $yml = $t->read_file('prometheus.yml'))
        =~ s/alert_relabel_configs: \[.*\]/timeout: 3s/g;
    $yml =~ s/^rule_files: .*\n//m;
    $t->write_file('real.yml', $yml);

    program('prometheus', "--config.file=$dir/real.yml",
            "--storage.tsdb.path=$dir/real", '--log.level=error',
            "--web.listen-address=127.0.0.1:$own");

    my $theirs;
    $t->wait_for(sub {
        my $res = $http->get("http://127.0.0.1:$own/api/v1/alertmanagers");
        $theirs = eval { lists(JSON::PP::decode_json($res->{content})) };
        return $theirs && @{ $theirs->[0] } == @urls;
    }, 'prometheus has them', 60);
    is_deeply(said(), $theirs, 'as Prometheus says');
}

my $taker = -x '/usr/bin/prometheus-alertmanager';

if ($taker) {
    $t->write_file('am.yml', "route: { receiver: none }\n"
                             . "receivers: [{ name: none }]\n");
    program('prometheus-alertmanager', "--config.file=$dir/am.yml",
            "--storage.path=$dir/am", '--cluster.listen-address=',
            "--web.listen-address=127.0.0.1:$real");
    $t->wait_for(sub {
        return $http->get("http://127.0.0.1:$real/-/ready")->{success};
    }, 'alertmanager is ready', 60);
}

# it fires

$t->target_set($target, '/metrics' => "m{i=\"a\"} 9\n");
$t->wait_for(sub { alerts($sink) && alerts($other) }, 'it is told', 20);

my ($request) = $t->requests($sink);
my ($alert) = alerts($sink);

is_deeply([ @$request{qw(method path)} ],
          [ 'POST', '/am/api/v2/alerts' ], 'to the path below the prefix');
like($request->{headers}{'content-type'}, qr{^application/json}, 'as JSON');
is($request->{headers}{authorization}, 'Basic dTpw', 'with the password');

is_deeply($alert->{labels}, { alertname => 'Hot', i => 'a', instance => 'i',
                              job => 'j', severity => 'page', from => 'us',
                              set => 'first' },
          'labels: external ones, and as the rules of all and of the set say')
    or diag explain $alert;
is_deeply($alert->{annotations}, { summary => 'a has 9' }, 'annotations');
like($alert->{generatorURL}, qr{/graph\?g0\.expr=m\+%3E\+5}, 'where from');
like($alert->{$_}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/, $_)
    for qw(startsAt endsAt);
cmp_ok($alert->{endsAt}, 'gt', $alert->{startsAt},
       'it ends some time, if nobody tells it again');
is((alerts($other))[0]{labels}{set}, undef, 'the other set has its own');

SKIP: {
    skip 'no alertmanager', 2 unless $taker;

    my @there = $t->wait_for(sub { taken() }, 'a real one takes it', 20)
                ? @{ taken() } : ();

    is_deeply($there[0]{labels}, { %{ $alert->{labels} } },
              'with its labels') or diag explain \@there;
}

# one that fails is logged once, and once when it is over

$t->target_set($other, '/api/v2/alerts' => { status => 500, body => '' });
$t->target_set($target, '/metrics' => "m{i=\"a\"} 1\n");

$t->wait_for(sub {
    return grep { $_->{endsAt} lt utc(time + 1) } alerts($sink);
}, 'it is resolved', 20);

if ($taker) {
    $t->wait_for(sub { !@{ taken() || [ 1 ] } }, 'for the real one, too', 20);
}

my $failed = qr{sending alerts to "http://\Q@{[port_of($t, $other)]}\E.*500};
$t->wait_for(sub { $t->log_count($failed) }, 'a failure is logged');

$t->target_set($other, '/api/v2/alerts' => { body => '' });
$t->target_set($target, '/metrics' => "m{i=\"a\"} 10\nm{i=\"b\"} 10\n");
$t->wait_for(sub { $t->log_count(qr/alerts are sent to .* again/) },
             'and its end', 20);
is($t->log_count($failed), 1, 'once each');

my $own = $t->get('/metrics')->{content};
like($own, qr/^pharos_alertmanagers_$_->[0]_total $_->[1]$/m, $_->[0])
    for [ sent => '[1-9]\d*' ], [ failed => '[1-9]\d*' ], [ dropped => 0 ];

# a reload

settings('');
is($t->post('/-/reload', '')->{status}, 200, 'reload');
is_deeply(said(), [ [], [] ], 'none are left');

$t->target_set($target, '/metrics' => "m{i=\"c\"} 10\n");
wait_value($t, 'ALERTS{i="c"}', 1, 'another alert');
is(scalar(grep { $_->{labels}{i} eq 'c' } alerts($sink)), 0,
   'is told to nobody');

$t->done;


sub alertmanagers {
    my @addr = map { port_of($t, $_) } $sink, $other;

    return <<"END";
alerting:
  alert_relabel_configs:
  - { action: labeldrop, regex: secret }
  alertmanagers:
  - path_prefix: /am/
    basic_auth: { username: u, password: p }
    alert_relabel_configs: [{ target_label: set, replacement: first }]
    static_configs: [{ targets: ['$addr[0]'] }]
  - timeout: 2s
    static_configs: [{ targets: ['$addr[1]', '$addr[1]'] }]
    file_sd_configs: [{ files: [sd.yml] }]
    relabel_configs: [{ source_labels: [gone], regex: 'yes', action: drop }]
  - alert_relabel_configs: [{ target_label: set, replacement: first }]
    static_configs: [{ targets: ['127.0.0.1:$real'] }]
END
}


sub settings {
    my ($more) = @_;

    my $addr = port_of($t, $target);

    $t->write_file('prometheus.yml', <<"END");
global:
  scrape_interval: 500ms
  scrape_timeout: 500ms
  evaluation_interval: 500ms
  external_labels: { from: us, severity: none }
rule_files: [rules.yml]
scrape_configs:
- job_name: j
  static_configs: [{ targets: ['$addr'], labels: { instance: i } }]
$more
END
}


# active and dropped
sub said { return lists(api($t, 'alertmanagers')) }


sub lists {
    my ($j) = @_;

    return [ map { [ sort map { $_->{url} } @{ $j->{data}{$_} || [] } ] }
             qw(activeAlertmanagers droppedAlertmanagers) ];
}


sub alerts {
    my ($n) = @_;

    return map { @{ JSON::PP::decode_json($_->{body}) } } $t->requests($n);
}


# what the real one has
sub taken {
    my $res = $http->get("http://127.0.0.1:$real/api/v2/alerts");

    return eval { JSON::PP::decode_json($res->{content}) };
}


sub utc {
    my ($s, $m, $h, $d, $mon, $y) = gmtime $_[0];

    return sprintf '%04d-%02d-%02dT%02d:%02d:%02d', $y + 1900, $mon + 1, $d,
                   $h, $m, $s;
}


sub program {
    my (@command) = @_;

    $t->child(sub {
        open STDOUT, '>>', "$dir/$command[0].log";
        open STDERR, '>&', \*STDOUT;
        exec @command;
    });

    return;
}
