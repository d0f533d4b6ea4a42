#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Limits on what is stored, each by each way in: exactly at the limit, one
# above it, and that the neighbour's samples are none the worse.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

use constant { LABELS => 8, NAME => 24, VALUE => 60, SIZE => 140 };

my $t = Test::Pharos->new;
my $now = int(time) * 1000;
my %counted;

my $web = $t->target('/labels' => '', '/many' => many(6));
my $addr = port_of($t, $web);

# what each way in puts to the labels of a metric
my %ways = (
    scrape => [ { job => 'labels', instance => $addr }, \&by_scrape ],
    push => [ { job => 'p' }, \&by_push ],
    write => [ {}, \&by_write ],
    import => [ {}, \&by_import ],
);

$t->write_file('prometheus.yml', <<"END");
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
- job_name: labels
  metrics_path: /labels
  static_configs: [{ targets: ['$addr'] }]
- job_name: many
  metrics_path: /many
  static_configs: [{ targets: ['$addr'] }]
END

my ($labels, $name, $value, $size) = (LABELS, NAME, VALUE, SIZE);

serve($t, <<"END")->run;
    pharos_max_labels $labels;
    pharos_max_label_name $name;
    pharos_max_label_value $value;
    pharos_max_labels_size $size;
    pharos_max_target_series 5;
    pharos_max_push_groups 4;
    pharos_max_push_series 9;
END
$t->wait_ready;
$t->allow(qr{a label has 3900 bytes});

for my $way (sort keys %ways) {
    my ($base, $send) = @{ $ways{$way} };
    my %n = %$base;

    # the names of labels, values; the reason

    for my $case ([ 'label_limit', [ LABELS - 1 - keys %n, 1, 1 ],
                    [ LABELS - keys %n, 1, 1 ], qr/labels, 8 are allowed/ ],
                  [ 'label_name_length', [ 1, NAME, 1 ], [ 1, NAME + 1, 1 ],
                    qr/name of a label, 24 are allowed.*label "n+"/ ],
                  [ 'label_value_length', [ 1, 1, VALUE ],
                    [ 1, 1, VALUE + 1 ], qr/value of a label, 60 are/ ],
                  [ 'labels_size', [ sized($way, SIZE, %n) ],
                    [ sized($way, SIZE + 1, %n) ],
                    qr/bytes of labels, 140 are allowed/ ])
    {
        my ($reason, $at, $above, $text) = @$case;
        my $id = "${way}_$reason";

        $send->("at_$id" . made(@$at), "above_$id" . made(@$above),
                "near_$id" . made(1, 1, 1), $text, $id);

        $t->wait_for(sub { defined value($t, "at_$id") }, "$id: at it");
        is(value($t, "at_$id"), 1, "$id: exactly at it");
        is_deeply(instant($t, "above_$id"), {}, "$id: one above it");
        is(value($t, "near_$id"), 1, "$id: the neighbour is unharmed");

        my $n = refused($reason);
        cmp_ok($n, '>', $counted{$reason} || 0, "$id: it is counted");
        $counted{$reason} = $n;
    }
}

is(value($t, 'up{job="labels"}'), 1, 'the scrape is a good one');
is($t->log_count(qr/target "[^"]+labels": \d+ series are refused: the store/),
   1, 'the log says so once');

# series of a target: the first of its answer

wait_value($t, 'count(many)', 5, 'as many as a target may have');
is(value($t, 'up{job="many"}'), 1, 'and the target is up');
is(value($t, 'scrape_samples_scraped{job="many"}'), 6, 'all were read');
cmp_ok(refused('target_series'), '>', 0, 'what is beyond is counted');
is($t->log_count(qr/many": 1 series are refused: more than pharos_max_t/), 1,
   'and in the log once');
$t->target_set($web, '/many' => many(5));
$t->wait_for(sub { $t->log_count(qr/no series are refused any more/) },
             'with fewer it is over');

# pushed groups, and series of one

is(put('g', many(6)), 200, 'a group');
is(put('g', many(9)), 200, 'as many series as it may have');
like(put('g', many(10)), qr/^400: more than 9 series in a group/, 'too many');
is(value($t, 'count(many{job="g"})'), 9, 'and nothing has changed');
is(put('h', "one 1\n"), 200, 'another');
is(put('i', "one 1\n"), 200, 'as many groups as there may be');
like(put('j', "one 1\n"), qr/^400: more than 4 push groups/, 'too many');
is(put('h', "one 2\n"), 200, 'those that are there go on');
is($t->http('DELETE', '/metrics/job/i')->{status}, 202, 'one is deleted');
is(put('j', "one 1\n"), 200, 'and there is room');
$t->wait_for(sub { refused('push_groups') == 1
                   && refused('push_series') == 1 }, 'both are counted');

# what no record holds

for (qw(max_label_value max_label_name)) {
    $t->conf('', store => "pharos_store %%DIR%%/b; pharos_$_ 3901;");
    my ($code, $out) = $t->test_conf;
    isnt($code, 0, "$_: no record holds so much");
    like($out, qr/a label has 3900 bytes at most/, 'and it is said');
}

$t->done;


# labels for a series: how many, bytes of the last name, of the last value

sub made {
    my ($n, $name, $value, @more) = @_;

    return '{' . join(',', (map { "l$_=\"v\"" } 1 .. $n - 1),
                      'n' x $name . '="' . 'v' x $value . '"',
                      map { "$_->[0]=\"$_->[1]\"" } @more) . '}';
}


# so that all labels together have so many bytes

sub sized {
    my ($way, $bytes, %base) = @_;
    my $used = length("__name__at_${way}_labels_size");

    $used += length for %base;
    $used += 3 if $bytes > SIZE;        # "above" and "at"
    $bytes -= $used + VALUE + 1 + 1;    # the pad's value and name, another

    return (1, 1, $bytes, [ 'p', 'x' x VALUE ]);
}


sub by_scrape {
    my ($at, $above, $near) = @_;

    $t->target_set($web, '/labels' => "$at 1\n$above 1\n$near 1\n");
}


sub by_push {
    my ($at, $above, $near, $text, $id) = @_;

    is(put('p', "$at 1\n$near 1\n"), 200, "$id: pushed");
    like($t->http('POST', '/metrics/job/p', content => "$above 1\n")
         ->{content}, $text, "$id: the pusher is told");
    is($t->http('POST', '/metrics/job/p', content => "$above 1\n")->{status},
       400, "$id: and not to try again");
}


sub by_write {
    my ($at, $above, $near, $text, $id) = @_;

    my $res = $t->http('POST', '/api/v1/write',
                       content => snappy(join('', map { series($_) } $at,
                                              $above, $near)),
                       headers => { 'Content-Type' =>
                                        'application/x-protobuf',
                                    'Content-Encoding' => 'snappy' });

    is($res->{status}, 400, "$id: the writer is told");
    like($res->{content}, qr/^1 refused, 2 written/, "$id: how many");
    like($res->{content}, $text, "$id: and why");
}


sub by_import {
    my ($at, $above, $near, $text, $id) = @_;

    my $res = $t->http('POST', '/api/v1/import/prometheus',
                       content => "$at 1\n$above 1\n$near 1\n");

    is($res->{status}, 400, "$id: the importer is told");
    like($res->{content}, qr/2 of 3 samples are stored/, "$id: how many");
}


sub put {
    my ($job, $body) = @_;
    my $res = $t->http('PUT', "/metrics/job/$job", content => $body);

    return $res->{status} if $res->{status} == 200;
    return "$res->{status}: $res->{content}";
}


sub many { return join('', map { "many{i=\"$_\"} 1\n" } 1 .. $_[0]) }


sub refused {
    my ($reason) = @_;

    return $1 if $t->get('/metrics')->{content}
                 =~ /^pharos_store_samples_refused_total
                     \{reason="$reason"\}\ (\d+)$/mx;
    return -1;
}


# protobuf, as remote write 1.0 has it

sub series {
    my ($text) = @_;
    my ($metric, $rest) = $text =~ /^(\w+)\{(.*)\}$/;
    my @labels = ([ __name__ => $metric ]);

    push @labels, [ $1, $2 ] while $rest =~ /(\w+)="([^"]*)"/g;

    return field(1, join('', map { field(1, field(1, $_->[0])
                                            . field(2, $_->[1])) }
                             sort { $a->[0] cmp $b->[0] } @labels)
                    . field(2, "\x09" . pack('d<', 1) . "\x10"
                               . varint($now)));
}


sub field { return varint($_[0] << 3 | 2) . varint(length $_[1]) . $_[1] }


sub varint {
    my ($n) = @_;
    my $out = '';

    while ($n > 127) {
        $out .= chr($n & 127 | 128);
        $n >>= 7;
    }

    return $out . chr $n;
}


# literals alone

sub snappy {
    my ($body) = @_;

    return varint(length $body) . "\xf4" . pack('v', length($body) - 1)
           . $body;
}
