#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Rules: what is recorded, and the life of an alert: pending, firing, kept
# firing, gone; its state over the death of the helper, reload and restart.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use POSIX qw(strftime);
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;

$t->write_file('prometheus.yml', <<'END');
global:
  evaluation_interval: 250ms
  external_labels: { site: here }
rule_files: [ 'rules/*.yml' ]
END

$t->write_file('rules/a.yml', <<'END');
groups:
- name: chain
  rules:
  - record: first:load
    expr: load * 2
    labels: { kind: "twice" }
  - record: second:load
    expr: first:load{kind="twice"} + 1
- name: alerts
  interval: 250ms
  rules:
  - alert: High
    expr: load > 5
    for: 1s
    labels: { severity: page, value: '{{ $value }}' }
    annotations:
      summary: '{{ $labels.instance }} has {{ $value | humanize }}'
      site: '{{ $externalLabels.site }}'
      other: '{{ with query "second:load" }}{{ . | first | value }}{{ end }}'
  - alert: Kept
    expr: load > 5
    keep_firing_for: 2s
  - alert: AtOnce
    expr: load > 5
  - alert: Long
    expr: vector(1)
    for: 1h
    annotations: { broken: '{{ query "nothing" | first | value }}' }
- name: broken
  rules:
  - record: never
    expr: load * on(instance) group_left() {__name__=~"load|other"}
END

serve($t)->run;
$t->wait_ready;
load(0);

# recording rules, each visible to the next of its group

wait_value($t, 'first:load', 0, 'recorded');
is_deeply(instant($t, 'first:load'),
          { 'first:load{instance="one",job="app",kind="twice"}' => 0 },
          'with its labels');
wait_value($t, 'second:load', 1, 'and visible to the next');

is_deeply(alert('High'), undef, 'nothing fires yet');
wait_value($t, 'ALERTS{alertname="Long"} == 1', 1, 'what is always true');
is(alert('Long')->{state}, 'pending', 'is pending for an hour');
my $since = alert('Long')->{activeAt};
like(alert('Long')->{annotations}{broken}, qr/error/i,
     'a broken template is an annotation that says so');

# a failing rule says so

my $broken;
$t->wait_for(sub {
    $broken = rule('never');
    return $broken && $broken->{health} eq 'err';
}, 'a rule that fails is known to');
like($broken->{lastError}, qr/many|duplicate|same/, 'and why');
is(rule('second:load')->{health}, 'ok', 'others go on');

# pending, firing

load(9);

my %seen;
$t->wait_for(sub {
    my $a = alert('High') or return;
    $seen{ $a->{state} }++;
    $seen{series}++
        if value($t, 'ALERTS{alertname="High",alertstate="pending"}');
    return $a->{state} eq 'firing';
}, 'an alert fires');
ok($seen{pending}, 'after it was pending');
ok($seen{series}, 'which is a series');

my $high = alert('High');
is_deeply($high->{labels}, { alertname => 'High', instance => 'one',
                             job => 'app', severity => 'page',
                             value => '9' }, 'labels, one of a template');
is_deeply($high->{annotations}, { summary => 'one has 9', site => 'here',
                                  other => '19' }, 'annotations');
is($high->{value}, '9e+00', 'its value');
like($high->{activeAt}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/,
     'since when');

wait_value($t, 'ALERTS{alertname="High",alertstate="firing"}', 1,
           'its series');
wait_gone($t, 'ALERTS{alertname="High",alertstate="pending"}',
          'the pending one has ended');
cmp_ok(abs(value($t, 'ALERTS_FOR_STATE{alertname="High"}') - time), '<', 30,
       'ALERTS_FOR_STATE is when it began');
wait_value($t, 'ALERTS{alertname="AtOnce",alertstate="firing"}', 1,
           'without "for" it fires at once');

my $high_rule = rule('High');
is($high_rule->{state}, 'firing', '/rules: state');
is($high_rule->{duration}, 1, '/rules: for');
is($high_rule->{type}, 'alerting', '/rules: type');
is($high_rule->{query}, 'load > 5', '/rules: query');
is(rule('Kept')->{keepFiringFor}, 2, '/rules: keep_firing_for');

# over the death of the helper, a reload, a restart

$t->allow(qr/exited on signal 9/);

for ([ 'kill -9 of the helper' => sub {
           my $old = $t->helper;
           kill 'KILL', $old;
           $t->wait_for(sub { my $h = $t->helper; $h && $h != $old },
                        'a successor', 20);
       } ],
     [ 'reload' => sub { $t->reload } ],
     [ '/-/reload' => sub { $t->post('/-/reload', '') } ],
     [ 'restart' => sub { $t->quit; $t->run } ])
{
    my ($name, $code) = @$_;
    my $began = alert('High')->{activeAt};

    $code->();
    $t->wait_ready;

    my $state;
    $t->wait_for(sub { $state = alert('High') }, "$name: the alert is back");
    is($state->{state}, 'firing', "$name: it still fires");
    is($state->{activeAt}, $began, "$name: since the same time");

    # the time without evaluation does not count, as in Prometheus
    my $shift = seconds(alert('Long')->{activeAt}) - seconds($since);
    cmp_ok($shift, '<', (seconds(now()) - seconds($since)) / 2,
           "$name: the pending one, too");
}

# resolved; one is kept

# before the rules are evaluated again: alerts were read back
load(1);
wait_gone($t, 'ALERTS{alertname="AtOnce"}', 'an alert ends');
is(alert('High'), undef, 'so does the other');
is((alert('Kept') || {})->{state}, 'firing', 'keep_firing_for keeps one');
ok(alert('Kept')->{keepFiringSince}, 'and says since when');
wait_gone($t, 'ALERTS{alertname="Kept"}', 'for its time');

# a rule that leaves takes its alert with it

$t->write_file('rules/a.yml', <<'END');
groups:
- name: chain
  rules:
  - { record: first:load, expr: load * 3 }
- name: alerts
  interval: 250ms
  rules:
  - { alert: Other, expr: load > 100 }
END
is($t->post('/-/reload', '')->{status}, 200, 'other rules');
wait_gone($t, 'ALERTS{alertname="Long"}', 'an alert leaves with its rule');
wait_value($t, 'first:load', 3, 'a rule that changed is the new one');
is(alert('Long'), undef, 'it is not listed');

$t->done;


sub load {
    my ($v) = @_;

    is($t->http('PUT', '/metrics/job/app/instance/one',
                content => "load $v\nother $v\n")->{status}, 200,
       "load is $v");
}


sub now { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime) }


# enough to tell two times of one day apart, or of two days of a month
sub seconds {
    my ($time) = @_;

    my ($day, $h, $m, $s) = $time =~ /(\d\d)T(\d\d):(\d\d):([\d.]+)/;

    return (($day * 24 + $h) * 60 + $m) * 60 + $s;
}


sub alert {
    my ($name) = @_;

    my ($found) = grep { $_->{labels}{alertname} eq $name }
                  @{ (api($t, 'alerts')->{data} || {})->{alerts} || [] };

    return $found;
}


sub rule {
    my ($name) = @_;

    my ($found) = grep { $_->{name} eq $name } map { @{ $_->{rules} } }
                  @{ (api($t, 'rules')->{data} || {})->{groups} || [] };

    return $found;
}
