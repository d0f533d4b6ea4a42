#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Notifications: grouped, routed, repeated, resolved; tried again when the
# receiver fails; none lost and none doubled when the helper is killed.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;

my $sink = $t->target('/page' => '', '/mail' => '', '/all' => '');
my $to = port_of($t, $sink);

$t->write_file('prometheus.yml', <<'END');
global: { evaluation_interval: 250ms, external_labels: { site: here } }
rule_files: [ rules.yml ]
END

$t->write_file('rules.yml', <<'END');
groups:
- name: g
  rules:
  - alert: Page
    expr: load > 5
    labels: { severity: page }
    annotations: { summary: 'load of {{ $labels.i }} is {{ $value }}' }
  - alert: Mail
    expr: load > 5
    labels: { severity: info }
END

$t->write_file('alertmanager.yml', <<"END");
route:
  receiver: all
  group_by: [alertname]
  group_wait: 1s
  group_interval: 2s
  repeat_interval: 4s
  routes:
  - matchers: [ severity="page" ]
    receiver: page
    continue: true
  - matchers: [ severity=~"page|info" ]
    receiver: mail
    group_by: ['...']
    repeat_interval: 1h
receivers:
- name: all
  webhook_configs: [{ url: 'http://$to/all' }]
- name: page
  webhook_configs: [{ url: 'http://$to/page' }]
- name: mail
  webhook_configs:
  - url: 'http://$to/mail'
    send_resolved: false
    http_config: { basic_auth: { username: u, password: p } }
END

serve($t, 'pharos_external_url https://mon.example/pharos/;')->run;
$t->wait_ready;
load(a => 0, b => 0);

is(scalar sent('/page'), 0, 'nothing is sent yet');

# two series, one group

load(a => 9, b => 8);
$t->wait_for(sub { sent('/page') }, 'a notification comes');

my ($first) = sent('/page');
my $n = $first->{json};

is($first->{method}, 'POST', 'by POST');
is($first->{headers}{'content-type'}, 'application/json', 'as JSON');
like($first->{headers}{'user-agent'}, qr/./, 'with a name');
is($n->{version}, '4', 'version');
is($n->{status}, 'firing', 'status');
is($n->{receiver}, 'page', 'receiver');
is_deeply($n->{groupLabels}, { alertname => 'Page' }, 'groupLabels');
is_deeply($n->{commonLabels}, { alertname => 'Page', instance => 'one',
          job => 'app', severity => 'page', site => 'here' },
          'commonLabels, external labels among them');
is_deeply($n->{commonAnnotations}, {}, 'commonAnnotations');
like($n->{groupKey}, qr/\{alertname="Page"\}$/, 'groupKey');
is($n->{truncatedAlerts}, 0, 'truncatedAlerts');
like($n->{externalURL}, qr{^https://mon\.example/pharos}, 'externalURL');
is_deeply([ sort map { $_->{labels}{i} } @{ $n->{alerts} } ], [ 'a', 'b' ],
          'both alerts in one group');

my ($alert) = grep { $_->{labels}{i} eq 'a' } @{ $n->{alerts} };
is($alert->{status}, 'firing', 'status of an alert');
is($alert->{annotations}{summary}, 'load of a is 9', 'its annotation');
like($alert->{startsAt}, qr/^20\d\d-/, 'startsAt');
is($alert->{endsAt}, '0001-01-01T00:00:00Z', 'endsAt');
like($alert->{generatorURL}, qr{^https://mon\.example/pharos/.*load},
     'generatorURL');
like($alert->{fingerprint}, qr/^[0-9a-f]{16}$/, 'fingerprint');

# routes: "continue" reaches mail, too, where each alert is its own group

$t->wait_for(sub { sent('/mail') == 4 }, 'the second receiver');
is(scalar(grep { @{ $_->{json}{alerts} } == 1 } sent('/mail')), 4,
   'a group for each alert');
is((sent('/mail'))[0]{headers}{authorization}, 'Basic dTpw', 'a password');
is(scalar sent('/all'), 0, 'the root\'s own receiver gets nothing');

# repeated, with the helper killed in between

$t->allow(qr/exited on signal 9/);

# What the helper does not know to be sent when it dies is sent again after
# group_interval: so it must have written down the results.  They go with the
# next commit, and rules commit all the time.

my $commits = commits();
$t->wait_for(sub { commits() >= $commits + 8 }, 'the results are kept');

my $old = $t->helper;
kill 'KILL', $old;
$t->wait_for(sub { my $h = $t->helper; $h && $h != $old }, 'a successor', 20);

$t->wait_for(sub { sent('/page') >= 2 }, 'it is repeated', 15);
my @page = sent('/page');
cmp_ok($page[1]{at} - $page[0]{at}, '>=', 3.5, 'not before repeat_interval');
is($page[1]{json}{status}, 'firing', 'still firing');
is(scalar sent('/mail'), 4, 'where it is an hour, it is not');

# one is resolved

load(a => 9, b => 0);
$t->wait_for(sub {
    grep { grep { $_->{status} eq 'resolved' } @{ $_->{json}{alerts} } }
         sent('/page');
}, 'a resolved alert is told');

my ($partly) = grep { grep { $_->{status} eq 'resolved' }
                      @{ $_->{json}{alerts} } } sent('/page');
is($partly->{json}{status}, 'firing', 'the group still fires');
my ($resolved) = grep { $_->{status} eq 'resolved' }
                 @{ $partly->{json}{alerts} };
is($resolved->{labels}{i}, 'b', 'which');
isnt($resolved->{endsAt}, '0001-01-01T00:00:00Z', 'and when');

# the receiver fails: it is tried again, and not lost over a kill

$t->target_set($sink, '/page', { status => 500 });
load(a => 0, b => 0);

my $tried = sent('/page');
$t->wait_for(sub { sent('/page') > $tried }, 'a receiver that fails');

$old = $t->helper;
kill 'KILL', $old;
$t->wait_for(sub { my $h = $t->helper; $h && $h != $old }, 'a successor', 20);
$t->target_set($sink, '/page', '');
my $before = sent('/page');

$t->wait_for(sub {
    my @s = sent('/page');
    return grep { $_->{json}{status} eq 'resolved' } @s[$before .. $#s];
}, 'is tried again until it takes it', 30);

is(scalar(grep { grep { $_->{status} eq 'resolved' }
                 @{ $_->{json}{alerts} } } sent('/mail')), 0,
   'send_resolved: false');

# nothing is left: no more comes, though intervals pass

my $last = sent('/page');
ok(!$t->poll(sub { sent('/page') > $last }, 5), 'then there is silence');

# none twice within group_interval, apart from what failed

@page = sent('/page');
my @quick = grep {
    $page[$_]{at} - $page[$_ - 1]{at} < 1.8
    && $page[$_]{body} eq $page[$_ - 1]{body}
    && $_ < $tried
} 1 .. $#page;
is(scalar @quick, 0, 'none is sent twice within group_interval');

# another round, after all was resolved

load(a => 7);
$t->wait_for(sub { my @s = sent('/page');
                   $s[-1]{json}{status} eq 'firing' },
             'it fires again');

$t->done;


sub load {
    my %load = @_;
    my $body = join '', map { "load{i=\"$_\"} $load{$_}\n" } sort keys %load;

    is($t->http('PUT', '/metrics/job/app/instance/one', content => $body)
       ->{status}, 200, 'load is ' . join ' ', map { "$_ $load{$_}" }
                                              sort keys %load);
}


# when each request came is when we first saw it, closely enough
my %came;

sub commits {
    return $t->metric($t->get('/metrics')->{content},
                      'pharos_commits_total');
}


sub sent {
    my ($path) = @_;

    my @found = grep { $_->{path} eq $path } $t->requests($sink);

    for my $i (0 .. $#found) {
        $found[$i]{json} = eval { JSON::PP::decode_json($found[$i]{body}) };
        $found[$i]{at} = $came{"$path $i"} ||= Time::HiRes::time();
    }

    return @found;
}
