#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# The wall clock is set, back and ahead: what is scraped and what rules make
# goes on and is seen at once, alerts keep their time, nothing is told twice,
# and a year ahead does not empty the store.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $cc = (grep { -x "$_/cc" } split /:/, $ENV{PATH})[0];

plan(skip_all => 'no compiler') unless $cc;

my $lib = $t->dir . '/clock.so';
is(system("$cc/cc", '-O1', '-shared', '-fPIC', '-o', $lib,
          "$Test::Pharos::root/t/lib/clock.c"), 0, 'a clock to be set');

my $ahead = 0;
my $body = "c{i=\"a\"} 1\n";
my $target = $t->target('/metrics' => $body);
my $hook = $t->target('/hook' => 'ok');

# nearly always under way, also when the clock is set
my $slow = $t->target('/metrics' => { body => "s 1\n", delay => 1.8 });

$t->write_file('prometheus.yml', <<"END");
global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: [ rules.yml ]
scrape_configs:
- job_name: load
  static_configs: [{ targets: ['@{[port_of($t, $target)]}'] }]
- job_name: slow
  scrape_interval: 2s
  scrape_timeout: 2s
  static_configs: [{ targets: ['@{[port_of($t, $slow)]}'] }]
END

$t->write_file('rules.yml', <<'END');
groups:
- name: g
  rules:
  - record: r
    expr: c * 2
  - alert: Fires
    expr: c > 0
  - alert: Waits
    expr: c > 0
    for: 1h
END

$t->write_file('alertmanager.yml', <<"END");
route: { receiver: r, group_wait: 1s, group_interval: 1s, repeat_interval: 4h }
receivers:
- name: r
  webhook_configs: [{ url: 'http://@{[port_of($t, $hook)]}/hook' }]
END

set_clock(0);
{
    local $ENV{LD_PRELOAD} = $lib;
    local $ENV{PHAROS_CLOCK} = $t->dir . '/clock';
    serve($t, 'pharos_retention 30d;')->run;
}
$t->wait_ready;

wait_now('c', 1, 'scraped');
wait_now('s', 1, 'scraped, slowly');
wait_now('r', 2, 'recorded');
wait_now('ALERTS{alertname="Fires"}', 1, 'an alert');
$t->wait_for(sub { (my @told = $t->requests($hook)) == 1 }, 'that is told');

# an hour back: the same hour comes a second time, from its begin

goes_on('an hour back', -3600);
is($t->log_count(qr/the clock was set back by 3600 s/), 1, 'logged once');
is(refused('out_of_order') + refused('duplicate'), 0, 'nothing was refused');

# and again, over the same minutes, at the same moments

goes_on('back once more', -3610);
goes_on('a day ahead', 86400);
goes_on('a day back', 0);
is(refused('out_of_order') + refused('duplicate'), 0, 'nothing was refused');

# while it is stopped

$t->quit;
set_clock(-7200);
{
    local $ENV{LD_PRELOAD} = $lib;
    local $ENV{PHAROS_CLOCK} = $t->dir . '/clock';
    $t->run;
}
$t->wait_ready;
goes_on('two hours back, at a start', -7200);
is($t->log_count(qr/the newest sample is \d+ s ahead of the clock/), 1,
   'logged');

# a year

my $before = $t->metric($t->get('/metrics')->{content},
                        'pharos_store_series');
my $samples = all_of_c();
goes_on('a year ahead', 365 * 86400);
sleep 6;    # rows are packed and dropped each 5 s
is($t->log_count(qr/nothing is dropped for its age for 86400 s/), 2,
   'retention waits');
goes_on('a year back', 0);
cmp_ok(all_of_c(), '>', $samples, 'all is there');
cmp_ok($t->metric($t->get('/metrics')->{content}, 'pharos_store_series'),
       '>=', $before, 'and no series is gone');

is(value($t, 'ALERTS{alertname="Waits",alertstate="pending"}',
         time => at()), 1, '"for" is by a clock that is never set');
is_deeply([ grep { !/firing/ } map { $_->{body} } $t->requests($hook) ],
          [], 'no step resolved anything');
my @told = $t->requests($hook);
is(scalar @told, 1, 'nor told anything twice')
    or diag(map { "$_->{body}\n" } @told);

$t->done;


sub set_clock { $ahead = shift; $t->write_file('clock', "$ahead\n"); return }
sub at { return time + $ahead }
sub all_of_c {
    return value($t, 'count_over_time(c[4d])', time => time + 2 * 86400);
}


# an instant query has the helper's clock
sub wait_now {
    my ($expr, $wanted, $name) = @_;

    return wait_value($t, $expr, $wanted, $name);
}


# after a step new values of all kinds are seen
sub goes_on {
    my ($name, $to) = @_;

    my $v = ++$main::value + 1;

    set_clock($to);
    $t->target_set($target, '/metrics', "c{i=\"a\"} $v\n");

    wait_now('c', $v, "$name: scraped");
    wait_now('r', 2 * $v, "$name: recorded");
    wait_now('count(pharos_clock_steps_total)', 1, "$name: our own");
    $t->wait_for(sub {
        my $up = instant($t, 'timestamp(up)') || {};
        return 2 == grep { abs($_ - at()) < 5 } values %$up;
    }, "$name: now");

    return;
}


sub refused {
    my ($reason) = @_;

    return $t->metric($t->get('/metrics')->{content},
                      'pharos_store_samples_refused_total',
                      reason => $reason);
}
