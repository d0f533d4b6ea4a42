#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Rules that are gone, or have no result any more, after a reload of nginx or
# the death of the helper: their series end.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;

$t->write_file('prometheus.yml', <<'END');
global: { evaluation_interval: 300ms, scrape_interval: 300ms,
          scrape_timeout: 300ms }
rule_files: [ rules.yml ]
END

rules('gone:vector' => 'vector(1)', 'stays:vector' => 'vector(2)',
      'empty:vector' => 'vector(3) > 0', 'other:vector' => 'vector(4)',
      GoneAlert => 'vector(1)', StaysAlert => 'vector(1)');

serve($t)->run;
$t->wait_ready;

wait_value($t, 'count({__name__=~".*:vector"})', 4, 'rules are evaluated');
wait_value($t, 'count(ALERTS)', 2, 'alerts fire');

# one is gone, one has no result, one another expression

rules('stays:vector' => 'vector(2)', 'empty:vector' => 'vector(3) > 9',
      'other:vector' => 'vector(5)', StaysAlert => 'vector(1)');
$t->reload;
$t->wait_ready;

wait_gone($t, 'gone:vector', 'a rule that is gone');
wait_gone($t, 'empty:vector', 'one without a result');
wait_gone($t, 'ALERTS{alertname="GoneAlert"}', 'an alert that is gone');
wait_value($t, 'other:vector', 5, 'another expression goes on');
is(value($t, 'stays:vector'), 2, 'so does what stays');
is(value($t, 'ALERTS{alertname="StaysAlert"}'), 1, 'and its alert');
is($t->log_count(qr/targets and rules are gone/), 1, 'said once');

# the same over a kill

rules('other:vector' => 'vector(6)');
$t->kill_helper;

wait_gone($t, '{__name__=~"stays:vector|ALERTS"}', 'over a kill, too');
wait_value($t, 'other:vector', 6, 'the one that stays');

$t->done;


sub rules {
    my (%rules) = @_;

    $t->write_file('rules.yml', join "\n", 'groups:', '- name: g', '  rules:',
        map { '  - { ' . (/:/ ? 'record' : 'alert') . ": '$_', "
              . "expr: '$rules{$_}' }" } sort keys %rules);
}
