#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# A query that is too much ends, or its helper does: never a worker, and
# never twice by the same request.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;
use Time::HiRes qw(time);

my $t = Test::Pharos->new;

serve($t, 'pharos_memory 256m; pharos_query_memory 8g; '
        . 'pharos_query_max_samples 2000m;')->run;
$t->wait_ready;

my @workers = sort $t->workers;

memory();
suspect();
large();

is_deeply([ sort $t->workers ], \@workers, 'the workers are the same');

$t->done;


# beyond the memory of the helper, though not beyond that of a query
sub memory {
    my $helper = $t->helper;
    my $sites = $t->load(sub {
        my $res = $t->get('/plain');
        return $res->{content} eq 'plain' ? '' : $res->{status};
    });

    for my $query ('sum_over_time(vector(time())[60000000s:1s])',
                   'sort(label_replace(vector(1), "a", "b", "", ""))'
                   . ' + quantile_over_time(.5, vector(1)[90000000s:1s])')
    {
        my $j = api($t, 'query', query => $query, timeout => '60s');

        cmp_ok($j->{http}, '>=', 400, 'a query beyond the memory fails')
            or diag(substr $j->{raw}, 0, 300);
        note($j->{error} || '');
    }

    my $r = $t->load_stop($sites);
    is(scalar @{ $r->{failed} }, 0, 'meanwhile the site is served');
    cmp_ok($r->{ok}, '>', 0, 'again and again');
    is(value($t, 'vector(7)'), 7, 'and then queries are');
    is($t->helper, $helper, 'by the same helper');
}


# a request that its thread dies of
sub suspect {
    # seconds of work, and little memory
    my $slow = '/api/v1/query_range?start=1700000000&end=1700100000&step=10'
        . '&query=quantile_over_time(.5,sin(vector(time()))[20000s:1s])';

    # the number of tgkill() is that of this machine
    return if `uname -m` !~ /x86_64/;

    $t->allow(qr/exited on signal 11/);

    my $before = metric('pharos_helper_crashes_total');
    my $old = $t->helper;

    $t->child(sub {
        my $res = HTTP::Tiny->new(timeout => 60)
                  ->get('http://127.0.0.1:' . $t->port . $slow);
        $t->write_file('suspect', "$res->{status} $res->{content}");
    });

    $t->wait_for(sub { metric('pharos_tasks_running', pool => 'query') },
                 'the query is under way');

    my $thread = busiest($old);
    is(syscall(234, $old + 0, $thread + 0, 11), 0, 'its thread is hit');

    my $said = $t->wait_for(sub { $t->read_file('suspect') },
                            'the client has an answer', 30);
    like($said, qr/^503 .*died of this request/, 'that it killed the helper');

    $t->wait_for(sub { my $new = $t->helper; $new && $new != $old },
                 'which has a successor');
    $t->wait_ready;

    my $begin = time;
    my $res = $t->get($slow);

    is($res->{status}, 503, 'it is refused now');
    like($res->{content}, qr/will not try it again/, 'with the reason');
    cmp_ok(time - $begin, '<', 2, 'at once');
    is(value($t, 'vector(8)'), 8, 'others are not');
    is(metric('pharos_helper_crashes_total'), $before + 1,
       'one helper died of it');
}


sub metric {
    my ($name, @labels) = @_;

    return $t->metric($t->get('/metrics')->{content}, $name, @labels);
}


# the same of a body that is too large for memory: its like is not accused
sub large {
    my $range = 'start=1700000000&end=1700100000&step=10';
    my $pad = 'pad=' . 'x' x 15_000_000;

    return if `uname -m` !~ /x86_64/;

    my $old = $t->helper;

    $t->child(sub {
        my $res = post($range . '&query=' . escape('quantile_over_time(.5,'
                       . 'sin(vector(time()))[20000s:1s])') . "&$pad");
        $t->write_file('large', "$res->{status} $res->{content}");
    });

    $t->wait_for(sub { metric('pharos_tasks_running', pool => 'query') },
                 'a large query is under way');

    is(syscall(234, $old + 0, busiest($old) + 0, 11), 0, 'its thread is hit');

    like($t->wait_for(sub { $t->read_file('large') }, 'an answer', 30),
         qr/^503 .*died of this request/, 'that it killed the helper');

    $t->wait_for(sub { my $new = $t->helper; $new && $new != $old },
                 'which has a successor');
    $t->wait_ready;

    is(post("$range&query=1&$pad")->{status}, 200,
       'another large one is answered');
}


sub post {
    my ($content) = @_;

    return HTTP::Tiny->new(timeout => 60)->post(
        'http://127.0.0.1:' . $t->port . '/api/v1/query_range',
        { content => $content, headers => {
            'Content-Type' => 'application/x-www-form-urlencoded' } });
}


# the thread of a process that has worked for 50 ms since it was first seen
# here, which no other does meanwhile; not the first, which has the loop
sub busiest {
    my ($pid) = @_;
    my %first;

    return $t->wait_for(sub {
        for my $dir (grep { !m{/$pid$} } glob "/proc/$pid/task/*") {
            open my $f, '<', "$dir/stat" or next;
            my (undef, @rest) = split / /, (<$f> =~ /\) (.*)/)[0];

            $first{$dir} //= $rest[10];

            return $dir =~ /(\d+)$/ ? $1 : undef
                if $rest[10] - $first{$dir} >= 5;
        }

        return undef;
    }, 'a thread that works');
}
