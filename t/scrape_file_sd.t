#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Targets in files: they come, change and go with the files, without a
# reload; a broken file keeps what it said before.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;

my $a = port_of($t, $t->target('/metrics' => "who{is=\"a\"} 1\n"));
my $b = port_of($t, $t->target('/metrics' => "who{is=\"b\"} 1\n"));
my $c = port_of($t, $t->target('/metrics' => "who{is=\"c\"} 1\n"));

$t->write_file('sd/one.json', <<"END");
[ { "targets": [ "$a" ], "labels": { "zone": "x", "__meta_extra": "e" } } ]
END
$t->write_file('sd/ignored.txt', 'not a list of targets');

$t->write_file('prometheus.yml', <<'END');
global: { scrape_interval: 300ms, scrape_timeout: 300ms }
scrape_configs:
- job_name: files
  file_sd_configs:
  - files: [ 'sd/*.json', 'sd/*.yml' ]
    refresh_interval: 1s
  relabel_configs:
  - { source_labels: [__meta_extra], target_label: extra }
  - { source_labels: [__meta_filepath], target_label: file,
      regex: '.*/([^/]+)' }
- job_name: single
  file_sd_configs: [{ files: [ 'later.yaml' ], refresh_interval: 1s }]
END

serve($t)->run;
$t->wait_ready;

wait_value($t, 'up{job="files"}', 1, 'a target of a file');
is_deeply(instant($t, 'up{job="files"}'),
          { "up{extra=\"e\",file=\"one.json\",instance=\"$a\",job=\"files\","
            . 'zone="x"}' => 1 }, 'with its labels');
ok(!target_of($t, 'single'), 'a file that is not there is no error');

# another file, in the other language, of two groups

$t->write_file('sd/two.yml', <<"END");
- targets: [ '$b' ]
  labels: { zone: y }
- targets: [ '$c' ]
END
wait_value($t, 'count(up{job="files"} == 1)', 3, 'a new file is found');
is(value($t, 'up{job="files",zone="y"}'), 1, 'a group has its labels');

$t->write_file('later.yaml', "- targets: ['$c']\n");
wait_value($t, 'up{job="single"}', 1, 'a file that comes later is found');

# change: one leaves, one has other labels

$t->write_file('sd/two.yml', "- targets: [ '$b' ]\n  labels: { zone: z }\n");
wait_gone($t, "up{job=\"files\",instance=\"$c\"}", 'a target leaves');
wait_value($t, 'up{job="files",zone="z"}', 1, 'labels change');
wait_gone($t, 'who{zone="y"}', 'series with the old labels end');
is(value($t, 'up{job="single"}'), 1, 'the same target of another job stays');

# broken: all stay

my @broken = (
    [ 'cut JSON', '[ { "targets": [ "' ],
    [ 'not a list', '{ "targets": [] }' ],
    [ 'an unknown field', '[ { "targets": [], "label": {} } ]' ],
    [ 'a bad label', "[ { \"targets\": [\"$b\"], \"labels\": {\"\": \"\"} } ]" ],
    [ 'nothing at all', '' ],
);

for (@broken) {
    my ($name, $text) = @$_;
    my $before = log_of();

    $t->write_file('sd/one.json', $text);

    if ($name ne 'nothing at all') {
        $t->wait_for(sub { log_of() > $before }, "$name is logged");
        ok(value($t, 'up{job="files",zone="x"}'), "$name: the old targets stay");
    }
}

$t->write_file('sd/one.json', "[ { \"targets\": [ \"$a\" ] } ]");
wait_value($t, 'up{job="files",zone="",file="one.json"}', 1,
           'mended, it is read again');

# gone

$t->write_file('sd/two.yml', '[]');
wait_gone($t, 'up{job="files",zone="z"}', 'an empty list');
unlink $t->dir . '/sd/one.json';
wait_gone($t, 'up{job="files"}', 'a file that is removed takes its targets');
is(value($t, 'up{job="single"}'), 1, 'but not those of others');

$t->done;


sub log_of { return $t->log_count(qr/one\.json/) }
