#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Targets by name: the system resolves them, without a "resolver" of nginx;
# one that has no address is down, and holds up no other; nor does one whose
# lookup hangs.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Test::Pharos::Fail;
use POSIX ();

my $t = fail_create(Test::Pharos->new);
my $web = $t->target('/metrics' => "here 1\n");
my $port = $t->target_port($web);

$t->write_file('prometheus.yml', <<"END");
global: { scrape_interval: 500ms, scrape_timeout: 500ms }
scrape_configs:
- job_name: name
  static_configs: [{ targets: ['localhost:$port'] }]
- job_name: nameless
  static_configs: [{ targets: ['no-such-host.invalid:$port'] }]
- job_name: odd
  static_configs: [{ targets: ['-:$port', 'a..b:$port'] }]
- job_name: address
  static_configs: [{ targets: ['127.0.0.1:$port'] }]
END

serve($t);
fail_run($t);
$t->wait_ready;

wait_value($t, 'here{job="name"}', 1, 'a target by its name');
is(value($t, 'here{job="name",instance="localhost:' . $port . '"}'), 1,
   'which is its instance');
like((grep { $_->{path} eq '/metrics'
             && $_->{headers}{host} eq "localhost:$port" }
      $t->requests($web))[0]{headers}{host} || '', qr/localhost/,
     'and its host');

like(wait_health($t, 'nameless', 'down')->{lastError},
     qr/resolve|no such host|name/i, 'a name without an address');
is(value($t, 'up{job="nameless"}'), 0, 'is down');
wait_value($t, 'count(up{job="odd"} == 0)', 2, 'so are those that are none');

cmp_ok(value($t, 'max(max_over_time(scrape_duration_seconds{job="address"}[1m]))'),
       '<', 0.4, 'they hold up no other');
is(value($t, 'min(min_over_time(up{job=~"address|name"}[1m]))'), 1,
   'which were never down');

# several at once, when one thread has nothing to do

my @hang = map { "hang-$_.invalid" } 1 .. 6;
my $pipe = $t->dir . '/fail/lookup';

POSIX::mkfifo($pipe, 0666) or die "mkfifo: $!";
$t->quit;
only('once', "'localhost:$port'");
fail_run($t);
$t->wait_ready;
wait_value($t, 'up{job="once"}', 1, 'a name that is answered');

only('hang', join ', ', map { "'$_:9'" } @hang);
is($t->post('/-/reload', '')->{status}, 200, 'names that hang');
$t->wait_for(sub { @hang == grep { -e $t->dir . "/fail/$_" } @hang },
             'each is asked for, whether or not the others are answered');

$t->done;


sub only {
    my ($job, $targets) = @_;

    $t->write_file('prometheus.yml', <<"END");
global: { scrape_interval: 500ms, scrape_timeout: 500ms }
scrape_configs:
- job_name: $job
  static_configs: [{ targets: [$targets] }]
END
}
