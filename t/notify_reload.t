#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# A notification is under way when nginx reloads: it arrives, once.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Time::HiRes qw(time);

my $t = Test::Pharos->new;
my $sink = $t->target('/slow' => { body => '', delay => 1.5 });
my $to = port_of($t, $sink);

$t->write_file('prometheus.yml', <<'END');
global: { evaluation_interval: 250ms }
rule_files: [ rules.yml ]
END

$t->write_file('rules.yml', <<'END');
groups:
- { name: g, rules: [ { alert: A, expr: vector(1) } ] }
END

$t->write_file('alertmanager.yml', <<"END");
route: { receiver: slow, group_wait: 0s, group_interval: 3s,
         repeat_interval: 1h }
receivers:
- name: slow
  webhook_configs: [{ url: 'http://$to/slow' }]
END

serve($t)->run;
$t->wait_ready;

$t->wait_for(sub { $t->requests($sink) }, 'a notification is under way');

my $old = $t->helper;
my $begin = time;

$t->signal('HUP');

# the next helper waits for the lock; meanwhile the old one serves

my $load = $t->load(sub {
    my $res = $t->get('/-/ready');
    return $res->{status} == 200 ? '' : $res->{status};
});

$t->wait_for(sub { !Test::Pharos::alive($old) }, 'the old helper left');
note(sprintf 'after %.1f s', time - $begin);

my $r = $t->load_stop($load);
is(scalar @{ $r->{failed} }, 0, 'no request failed meanwhile');
cmp_ok($r->{slowest_ms}, '<', 1000, 'nor waited');

# a group_interval later nothing more is to be said

my $after = time + 4.5;
$t->wait_for(sub { time > $after }, 'more than group_interval goes by');
is(scalar $t->requests($sink), 1, 'it is told once');
is($t->log_count(qr/notification of receiver/), 0, 'and did not fail');
is(value($t, 'ALERTS{alertname="A"}'), 1, 'the alert goes on');

# one that takes too long is left behind

$t->target_set($sink, '/slow', { body => '', delay => 20 });
$t->write_file('rules.yml', <<'END');
groups:
- { name: g, rules: [ { alert: A, expr: vector(1) },
                      { alert: B, expr: vector(1) } ] }
END
is($t->post('/-/reload', '')->{status}, 200, 'another alert');
$t->wait_for(sub { $t->requests($sink) > 1 }, 'is told of, slowly');

$old = $t->helper;
$begin = time;
$t->signal('HUP');
$t->wait_for(sub { !Test::Pharos::alive($old) }, 'the old helper left', 15);
cmp_ok(time - $begin, '<', 12, 'without waiting for ever');

$t->stop;
$t->done;
