#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# What a target had, or a target itself, goes while nobody looks: over a
# reload, a killed helper, a stop.  The next process ends their series.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;

my %web = map { $_ => $t->target('/metrics' => "keeps 1\nleaves 1\n",
                                 '/other' => "keeps 2\n") } 1 .. 4;
my %at = map { $_ => port_of($t, $web{$_}) } keys %web;

$t->write_file('sd.json', "[ { \"targets\": [ \"$at{3}\" ] } ]");

settings({ stays => "static_configs: [{ targets: ['$at{1}'] }]",
           shrinks => "static_configs: [{ targets: ['$at{1}', '$at{2}'] }]",
           goes => "static_configs: [{ targets: ['$at{2}'] }]",
           file => "file_sd_configs: [{ files: [ 'sd.json' ] }]",
           down => "static_configs: [{ targets: ['$at{4}'] }]",
           moves => "static_configs: [{ targets: ['$at{1}'] }]" });

serve($t)->run;
$t->wait_ready;
wait_value($t, 'count(up == 1 and on (job) leaves)', 7, 'all are scraped');

# settings and files change, a target is down, another loses a series

sub change {
    settings({ stays => "static_configs: [{ targets: ['$at{1}'] }]",
               shrinks => "static_configs: [{ targets: ['$at{1}'] }]",
               file => "file_sd_configs: [{ files: [ 'sd.json' ] }]",
               down => "static_configs: [{ targets: ['$at{4}'] }]",
               moves => "metrics_path: /other\n"
                        . "  static_configs: [{ targets: ['$at{1}'] }]" });
    $t->write_file('sd.json', '[]');
    $t->target_set($web{4}, '/metrics', { status => 500 });
}

change();
$t->reload;
$t->wait_ready;

wait_gone($t, 'up{job="goes"}', 'a job that is gone after a reload');
wait_gone($t, 'leaves{job="goes"}', 'with all its series');
wait_gone($t, "up{job=\"shrinks\",instance=\"$at{2}\"}", 'a target');
wait_gone($t, 'up{job="file"}', 'a target of a file');
wait_gone($t, 'keeps{job="file"}', 'and its series');
wait_gone($t, 'leaves{job="moves"}', 'what is not at the new place');
wait_value($t, 'keeps{job="moves"}', 2, 'what is there goes on');
wait_value($t, 'up{job="moves"}', 1, 'and is up');
wait_value($t, 'up{job="down"}', 0, 'a target that is down is not gone');
wait_gone($t, 'keeps{job="down"}', 'but its series end');
is(value($t, 'count(leaves{job=~"stays|shrinks"})'), 2, 'the others stay');
cmp_ok(value($t, 'count_over_time(leaves{job="goes"}[5m])'), '>', 0,
       'the past of what is gone stays');
is($t->log_count(qr/ 4 targets and rules are gone, \d+ series ended/), 1,
   'it is said once');

# a series goes while no helper lives

$t->stop;
$t->target_set($web{1}, '/metrics', "keeps 1\n");
$t->run;
$t->wait_ready;
wait_value($t, 'count(keeps{job="stays"})', 1, 'scraped again');
wait_gone($t, 'leaves{job="stays"}', 'what vanished during a stop is stale');
is($t->log_count(qr/rules are gone/), 1, 'no target is gone');

# a target goes, and the helper is killed before anyone reads that

settings({ moves => "static_configs: [{ targets: ['$at{1}'] }]" });
$t->kill_helper;

wait_gone($t, 'up{job=~"stays|shrinks|down"}', 'a target, over a kill');
wait_value($t, 'count(up{job="moves"})', 1, 'the one that stays');

$t->done;


sub settings {
    my ($jobs) = @_;

    $t->write_file('prometheus.yml', join "\n",
        'global: { scrape_interval: 300ms, scrape_timeout: 300ms }',
        'scrape_configs:',
        map { "- job_name: $_\n  $jobs->{$_}" } sort keys %$jobs);
}
