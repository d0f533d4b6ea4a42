#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# A target goes while the disk is full, so that nobody can write that its
# series end: they do as soon as there is room.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Test::Pharos::Fail;

my $t = fail_create(Test::Pharos->new);
my $web = $t->target('/metrics' => "here 1\n");
my $disk = $t->dir . '/fail/disk';

settings(qw(stays goes));
serve($t);
fail_run($t);
$t->wait_ready;
wait_value($t, 'count(here and on (job) up == 1)', 2, 'two targets');

$t->allow(qr/samples are refused/, qr/No space left on device/);
$t->write_file('fail/disk', '');
$t->wait_for(sub { (scraped())[1] eq 'down' }, 'no room');
settings('stays');
is($t->post('/-/reload', '')->{status}, 200, 'one is gone');

for (1 .. 3) {
    my ($before) = scraped();
    $t->wait_for(sub { (scraped())[0] ne $before }, 'the other is tried');
}

is(value($t, 'count(here)'), 2, 'and is seen');

unlink $disk;
wait_gone($t, 'here{job="goes"}', 'when there is room, its series end');
wait_gone($t, 'up{job="goes"}', 'and that it is up');
is(value($t, 'up{job="stays"}'), 1, 'the other stays');

$t->done;


# when the target that stays was, and what became of that
sub scraped {
    return @{ target_of($t, 'stays') || {} }{qw(lastScrape health)};
}


sub settings {
    $t->write_file('prometheus.yml', join "\n",
        'global: { scrape_interval: 300ms, scrape_timeout: 300ms }',
        'scrape_configs:',
        map { "- job_name: $_\n  static_configs: [{ targets: ['"
              . port_of($t, $web) . "'] }]" } @_);
}
