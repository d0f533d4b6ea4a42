#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Limits of a prometheus.yml: exactly at each, and one beyond, where the whole
# scrape fails and says why; where there is a prometheus, its verdict on the
# same targets is the same.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use HTTP::Tiny;
use JSON::PP ();
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;

my $five = join '', map { "m{i=\"$_\"} $_\n" } 1 .. 5;
my $web = $t->target('/five' => $five,
                     '/gone' => { status => 404, body => $five }, '/name' => 'm{' . 'n' x 12 . "=\"v\"} 1\n",
                     '/value' => 'm{i="' . 'v' x 30 . "\"} 1\n");
my $addr = port_of($t, $web);
my $size = length $five;

# the path, settings, whether it is up, and the reason if not

my %jobs = (
    sample_at => [ five => 'sample_limit: 5', 1 ],
    sample_beyond => [ five => 'sample_limit: 4', 0, qr/^sample limit exc/ ],
    sample_relabel => [ five => 'sample_limit: 4, metric_relabel_configs: '
                        . '[{ source_labels: [i], regex: "5", action: drop }]',
                        1 ],
    label_at => [ five => 'label_limit: 5', 1 ],
    label_beyond => [ five => 'label_limit: 4', 0, qr/label_limit exceeded/ ],
    name_at => [ name => 'label_name_length_limit: 12', 1 ],
    name_beyond => [ name => 'label_name_length_limit: 11', 0,
                     qr/label_name_length_limit exceeded/ ],
    value_at => [ value => 'label_value_length_limit: 30', 1 ],
    value_beyond => [ value => 'label_value_length_limit: 29', 0,
                      qr/label_value_length_limit exceeded/ ],
    body_below => [ five => "body_size_limit: @{[$size + 1]}B", 1 ],
    body_at => [ five => "body_size_limit: ${size}B", 0,
                 qr/body size limit exceeded/ ],
    body_beyond => [ five => "body_size_limit: @{[$size - 1]}B", 0,
                     qr/body size limit exceeded/ ],
    body_of_error => [ gone => "body_size_limit: @{[$size - 1]}B", 0,
                       qr/^server returned HTTP status 404/ ],
    target_at => [ five => 'target_limit: 3', 1, undef, 3 ],
    target_beyond => [ five => 'target_limit: 2', 0,
                       qr/target_limit exceeded/, 3 ],
    none => [ five => 'sample_limit: 0, label_limit: 0, target_limit: 0, '
              . 'body_size_limit: 0, label_name_length_limit: 0', 1 ],
);

$t->write_file('prometheus.yml', yml(''));
serve($t)->run;
$t->wait_ready;

for my $job (sort keys %jobs) {
    my ($path, $limit, $up, $why, $n) = @{ $jobs{$job} };
    my $found;

    $t->wait_for(sub {
        $found = target($t->json('/api/v1/targets'), $job);
        return @$found == ($n || 1) && !grep { $_->{health} eq 'unknown' }
                                             @$found;
    }, "$job: scraped");

    is_deeply([ map { $_->{health} } @$found ],
              [ ($up ? 'up' : 'down') x ($n || 1) ], "$job: $limit");
    like($found->[0]{lastError}, $why, "$job: and why") if $why;
    wait_value($t, "min(up{job=\"$job\"})", $up, "$job: as a sample");
    is(value($t, "count(m{job=\"$job\"})") ? 1 : 0, $up,
       "$job: all of it or nothing");
}

# what relabeling drops is remembered, as much as is wanted

$t->write_file('prometheus.yml', <<"END");
scrape_configs:
@{[ join '', map { "- { job_name: k$_, keep_dropped_targets: $_, static_configs: "
          . "[{ targets: ['$addr', 'b:1', 'c:1'] }], relabel_configs: "
          . "[{ source_labels: [__address__], regex: '.:1', action: drop }] }\n"
        } 0 .. 2 ]}
- { job_name: none }
END
is($t->post('/-/reload', '')->{status}, 200, 'another prometheus.yml');

my %dropped;
my $data = $t->json('/api/v1/targets?state=dropped')->{data};
$dropped{ $_->{discoveredLabels}{job} }++ for @{ $data->{droppedTargets} };
is_deeply(\%dropped, { k0 => 2, k1 => 1, k2 => 2 }, 'keep_dropped_targets');

# counted are all of them, of all jobs, unless the dropped are not asked for

my %counts = (k0 => 2, k1 => 2, k2 => 2, none => 0);

is_deeply($data->{droppedTargetCounts}, \%counts, 'droppedTargetCounts');

for ([ '', \%counts ], [ '?scrapePool=k1', \%counts ],
     [ '?state=active', undef ])
{
    my ($args, $want) = @$_;

    $data = $t->json("/api/v1/targets$args")->{data};
    ok(exists $data->{droppedTargetCounts}, "counts: \"$args\"");
    is_deeply($data->{droppedTargetCounts}, $want, 'as they should be');
}

SKIP: {
    my ($prometheus) = grep { -x } map { "$_/prometheus" }
                       split /:/, $ENV{PATH};

    skip 'no prometheus', 2 * keys %jobs unless $prometheus;

    my $port = $t->port(5);

    $t->write_file('theirs.yml', yml(''));

    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        open STDOUT, '>', $t->dir . '/theirs.log';
        open STDERR, '>&', \*STDOUT;
        exec $prometheus, '--config.file=' . $t->dir . '/theirs.yml',
             '--storage.tsdb.path=' . $t->dir . '/theirs',
             "--web.listen-address=127.0.0.1:$port" or POSIX::_exit(127);
    }

    for my $job (sort keys %jobs) {
        my $found;

        $t->wait_for(sub {
            my $r = HTTP::Tiny->new->get("http://127.0.0.1:$port/api/v1/targets");
            return unless $r->{success};
            $found = target(JSON::PP::decode_json($r->{content}), $job);
            return @$found && !grep { $_->{health} eq 'unknown' } @$found;
        }, "$job: scraped by prometheus");

        is($found->[0]{health}, $jobs{$job}[2] ? 'up' : 'down',
           "$job: which says the same") or diag($found->[0]{lastError});
    }

    kill 'TERM', $pid;
    waitpid $pid, 0;
}

$t->done;


sub target {
    my ($j, $job) = @_;

    return [ grep { $_->{labels}{job} eq $job }
             @{ $j->{data}{activeTargets} || [] } ];
}


sub yml {
    my $text = "global: { scrape_interval: 1s, scrape_timeout: 1s }\n"
               . "scrape_configs:\n";

    for my $job (sort keys %jobs) {
        my ($path, $limit, undef, undef, $n) = @{ $jobs{$job} };

        # one target under several names

        my $targets = join ', ', map { "{ targets: ['$addr'], "
                                       . "labels: { n: '$_' } }" }
                      1 .. ($n || 1);

        $text .= "- { job_name: $job, metrics_path: /$path, $limit, "
                 . "static_configs: [$targets] }\n";
    }

    return $text;
}
