#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# An alert's whole life while the helper is killed at each turn of it: it is
# pending, fires, and is resolved; the webhook gets both notices, none of them
# twice within a group interval, and the time since when it is pending
# survives every death.
#
# KILL_AFTER (0 s): how long after a notice arrived the helper is killed.  At
# once means: before it can know that the sink has taken it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";

use JSON::PP ();
use Test::More;
use Test::Pharos;
use Time::HiRes qw(sleep time);

my $for = 8;                # seconds
my $group_wait = 3;
my $group_interval = 10;

my $t = Test::Pharos->new;
my $kill_after = $ENV{KILL_AFTER} || 0;
my ($kills, @arrived) = (0);

$t->allow(qr/exited on signal 9/);

my $target = $t->target('/metrics' => "temperature 1\n");
my $sink = $t->target('/alerts' => { body => '' });
my $target_port = $t->target_port($target);
my $sink_port = $t->target_port($sink);

$t->write_file('rules.yml', <<"END");
groups:
  - name: heat
    interval: 1s
    rules:
      - alert: Hot
        expr: temperature > 30
        for: ${for}s
        labels: { severity: page }
        annotations:
          summary: '{{ \$labels.instance }} has {{ \$value }} degrees'
END

$t->write_file('prometheus.yml', <<"END");
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [rules.yml]
scrape_configs:
  - job_name: oven
    static_configs: [{ targets: ['127.0.0.1:$target_port'] }]
END

$t->write_file('alertmanager.yml', <<"END");
route:
  receiver: sink
  group_by: [alertname]
  group_wait: ${group_wait}s
  group_interval: ${group_interval}s
  repeat_interval: 1h
receivers:
  - name: sink
    webhook_configs: [{ url: 'http://127.0.0.1:$sink_port/alerts' }]
END

$t->conf(<<"END");
pharos_lua           $Test::Pharos::root/lua;
pharos_prometheus    %%DIR%%/prometheus.yml;
pharos_alertmanager  %%DIR%%/alertmanager.yml;
server { listen 127.0.0.1:%%PORT_0%%; location / { pharos; } }
END

$t->run;
$t->wait_ready;
$t->wait_for(sub { value('temperature') eq '1' }, 'the target is scraped');
is(alert(), undef, 'no alert while it is cold');

# pending

$t->target_set($target, '/metrics' => "temperature 40\n");
ok($t->poll(sub { state_is('pending') }, 10), 'pending');

my $since = alert()->{activeAt};
my $pending_at = time;

kill_helper('while pending');
ok($t->poll(sub { alert() }, 10), 'the alert is there after the kill');
is(alert()->{activeAt}, $since, '... since the same moment');

# firing

ok($t->poll(sub { state_is('firing') }, $for + 10), 'firing');

my $took = time - $pending_at;
cmp_ok($took, '<', $for + 4, sprintf 'after %.1fs for a "for" of %ds', $took,
       $for);
is(alert()->{activeAt}, $since, '... since the same moment');
ok($t->poll(sub { value('ALERTS{alertstate="firing"}') eq '1' }, 3),
   'ALERTS is recorded');

# between the moment that it fires and the notice
kill_helper('before the notice');
ok($t->poll(sub { count('firing') }, $group_wait + 15), 'the sink is told');

# after the notice: it must not come again so soon
sleep $kill_after;
kill_helper('after the notice');
watch($group_interval + 3);
apart('firing');

my ($notice) = grep { $_->{status} eq 'firing' } notices();
check($notice, 'firing');

# resolved

$t->target_set($target, '/metrics' => "temperature 1\n");
ok($t->poll(sub { !alert() }, 10), 'resolved');
kill_helper('after it was resolved');

ok($t->poll(sub { count('resolved') }, $group_interval + 20),
   'the sink is told of the end');
sleep $kill_after;
kill_helper('after the last notice');
watch($group_interval + 3);
apart($_) for qw(firing resolved);

($notice) = grep { $_->{status} eq 'resolved' } notices();
check($notice, 'resolved');

diag("$kills kills of the helper, notices: ", join ', ',
     map { "$_->{status} x" . @{ $_->{alerts} } } notices());
$t->done;


sub kill_helper {
    my ($when) = @_;

    my @old = $t->helpers;
    kill 'KILL', @old;
    $kills++;

    ok($t->poll(sub {
        my $now = $t->helper;
        return $now && !grep { $_ == $now } @old;
    }, 10), "a new helper, killed $when");
    $t->wait_ready;
}


sub alert {
    my $alerts = (($t->json('/api/v1/alerts') || {})->{data} || {})->{alerts};

    return (grep { $_->{labels}{alertname} eq 'Hot' } @{ $alerts || [] })[0];
}


sub state_is {
    my ($state) = @_;

    my $alert = alert();

    return $alert && $alert->{state} eq $state;
}


sub value {
    my ($query) = @_;

    $query =~ s/([^\w])/sprintf '%%%02X', ord $1/ge;
    my $data = ($t->json("/api/v1/query?query=$query") || {})->{data} || {};

    return @{ $data->{result} || [] } ? $data->{result}[0]{value}[1] : '';
}


# what the sink got until now, and when that was seen first
sub notices {
    my @all = map { JSON::PP::decode_json($_->{body}) } $t->requests($sink);

    push @arrived, time while @arrived < @all;

    return @all;
}


sub count {
    my ($status) = @_;

    return scalar grep { $_->{status} eq $status } notices();
}


sub watch {
    my ($seconds) = @_;
    my $until = time + $seconds;

    while (time < $until) {
        notices();
        sleep 0.05;
    }
}


# no two notices of a status within a group interval
sub apart {
    my ($status) = @_;
    my @all = notices();
    my @at = map { $arrived[$_] } grep { $all[$_]{status} eq $status }
             0 .. $#all;
    my @near = grep { $at[$_] - $at[$_ - 1] < $group_interval - 0.1 }
               1 .. $#at;

    ok(@at && !@near, "$status: told, never twice within a group interval")
        or diag('told after ', join ' ', map { sprintf '%.1f',
                                               $_ - $arrived[0] } @at);
}


# the payload of version 4, with what receivers rely on
sub check {
    my ($notice, $status) = @_;

    is($notice->{version}, '4', "$status: version 4");
    is($notice->{receiver}, 'sink', "$status: receiver");
    like($notice->{groupKey}, qr/^\{\}:\{alertname="Hot"\}$/,
         "$status: group key");
    is($notice->{groupLabels}{alertname}, 'Hot', "$status: group labels");
    is($notice->{commonLabels}{severity}, 'page', "$status: common labels");

    my $alert = $notice->{alerts}[0] || {};

    is($alert->{status}, $status, "$status: of the alert");
    like($alert->{annotations}{summary},
         qr/^127\.0\.0\.1:$target_port has 40 degrees$/,
         "$status: the template is filled in");
    like($alert->{startsAt}, qr/^\d{4}-\d\d-\d\dT/, "$status: began");
    like($alert->{generatorURL}, qr{/graph\?g0\.expr=temperature}i,
         "$status: link to the expression");
    like($alert->{fingerprint}, qr/^[0-9a-f]{16}$/, "$status: fingerprint");

    return unless $status eq 'resolved';

    cmp_ok($alert->{endsAt}, 'gt', $alert->{startsAt}, "$status: ended");
}
