#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# The helper comes and goes; whoever asks does not notice.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Time::HiRes qw(sleep time);

my $t = Test::Pharos->new;

my $conf = <<'END';
    pharos_query_max_samples 200m;
    pharos_query_memory 1024m;

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / { pharos; }
        location = /plain { return 200 plain; }
        location = /status { stub_status; }
    }
END

# several seconds of work for a query thread, and no sample in the store: an
# order of millions of values is found anew for each term
my $slow = '/api/v1/query?query='
    . join '%2B', ('quantile_over_time(.5,sin(vector(time()))[8000000s:1s])')
                  x 8;

$t->conf($conf);
$t->run;
$t->wait_ready;

my $helper = $t->helper;
ok($helper, 'there is one helper');
is(getpriority(0, $helper), 10, 'it is nice');

my $kills = 8;
my $load = loads();
kills($kills);
finish($load, "$kills kills");

$load = loads();
reloads(3);
$t->signal('HUP') && sleep 0.03 for 1 .. 10;
$t->wait_for(sub { $t->helper && $t->workers == 2 },
             'one helper is left after ten reloads at once');
finish($load, '13 reloads');

upgrades();
configuration_test();
removed();
hung();
in_flight();
killed_master();
single();

$t->done;


# requests of both kinds that go on until load_stop()
sub loads {
    return [
        $t->load(sub {
            my $res = $t->get('/-/healthy');
            return $res->{status} == 200 ? '' : "GET $res->{status}";
        }),
        $t->load(sub {
            my $res = $t->post('/metrics/job/life', "life 1\n");
            return $res->{status} =~ /^20[02]$/
                   ? '' : "POST $res->{status} $res->{content}";
        }),
    ];
}


sub finish {
    my ($loads, $what) = @_;

    for (@$loads) {
        my $r = $t->load_stop($_);

        is(scalar @{ $r->{failed} }, 0, "no request fails by $what")
            or diag($_) for $r->{failed}[0] || ();
        cmp_ok($r->{ok}, '>', 4, 'and there were some');

        note(sprintf '%s: %d requests, slowest %.1f ms', $what, $r->{ok},
             $r->{slowest_ms});
    }
}


sub kills {
    my ($n) = @_;

    $t->allow(qr/exited on signal 9/);

    for (1 .. $n) {
        my $old = $t->wait_for(sub { $t->helper }, 'helper to be killed');

        kill 'KILL', $old;

        $t->wait_for(sub { my $new = $t->helper; $new && $new != $old },
                     "killed helper $_ has a successor", 20);
        sleep 0.2;
    }
}


sub reloads {
    my ($n) = @_;

    for (1 .. $n) {
        my $old = $t->helper;

        $t->reload;
        $t->wait_for(sub { my $new = $t->helper; $new && $new != $old },
                     "reload $_ brings another helper");
    }
}


# binary upgrade, there, back, and there for good
sub upgrades {
    my $load = loads();

    my $old = $t->upgrade;
    my $new = $t->master;

    ok($t->helpers($old) && $t->helpers($new), 'two helpers side by side');
    ok(Test::Pharos::alive($new), 'the new master runs');

    # back: the new one leaves
    $t->signal('QUIT', $new);
    $t->wait_for(sub { !Test::Pharos::alive($new) }, 'the new one left', 20);
    $t->wait_for(sub { $t->master == $old }, 'the old one is master again');
    is($t->get('/-/ready')->{status}, 200, 'and serves');

    # there
    $t->upgrade;
    $t->signal('QUIT', $old);
    $t->wait_for(sub { !Test::Pharos::alive($old) }, 'the old one left', 20);

    is($t->get('/-/ready')->{status}, 200, 'the new one serves');

    finish($load, 'binary upgrades');
}


# nginx -t beside a running one leaves no trace
sub configuration_test {
    my @files = map { $t->dir . "/s/$_" } qw(pharos.sock lock);
    my $state = sub { join ' ', map { join ',', (stat $_)[1, 10] } @files };

    my $before = $state->();
    my $pid = $t->helper;

    my ($code) = $t->test_conf;

    is($code, 0, 'nginx -t beside it');
    is($state->(), $before, 'socket and lock are untouched');
    is($t->helper, $pid, 'the helper too');
    is($t->get('/-/ready')->{status}, 200, 'it serves');
}


sub removed {
    $t->allow(qr/\[emerg\].*unknown directive/);

    $t->conf("bogus;\n$conf");
    $t->signal('HUP');
    $t->wait_for(sub { $t->log_count(qr/unknown directive "bogus"/) },
                 'a broken configuration is noticed');
    is($t->get('/-/ready')->{status}, 200, 'and changes nothing');

    $t->conf('server { listen 127.0.0.1:%%PORT_0%%; }', store => '');
    $t->reload;
    $t->wait_for(sub { !$t->helpers }, 'no store, no helper');
    ok(!-e $t->dir . '/s/pharos.sock', 'and no socket');

    $t->conf($conf);
    $t->reload;
    $t->wait_ready;
    ok($t->helper, 'the store is back');
}


# a helper that does not turn: workers say so by themselves
sub hung {
    my $pid = $t->helper;

    kill 'STOP', $pid;

    my $res;

    $t->wait_for(sub {
        $res = HTTP::Tiny->new(timeout => 1, max_redirect => 0)
               ->get('http://127.0.0.1:' . $t->port . '/-/healthy');
        return $res->{status} == 503;
    }, 'a worker answers for a hung helper', 20);

    is($res->{headers}{'retry-after'}, 5, 'and says when to come again');
    is($t->get('/plain')->{content}, 'plain', 'other locations work');

    kill 'CONT', $pid;

    $t->wait_for(sub { $t->get('/-/healthy')->{status} == 200 },
                 'the helper goes on');
    is($t->helper, $pid, 'it is the same');
}


# what is under way when the end is near is finished
sub in_flight {
    my $asker = slow_request('quit');
    my $pid = $t->master;

    $t->signal('QUIT');
    $t->wait_for(sub { !Test::Pharos::alive($pid) }, 'master quit', 60);

    is(answer_of($asker), 200, 'a query under way at quit is answered');

    $t->run;
    $t->wait_ready;

    $asker = slow_request('reload');
    my $old = $t->helper;
    my $begin = time;

    $t->reload;
    $t->wait_for(sub { $t->get('/-/ready')->{status} == 200 }, 'ready');
    $t->post('/metrics/job/handover', "handover 1\n");

    cmp_ok(time - $begin, '<', 2, 'a reload does not wait for a query');
    ok(Test::Pharos::alive($old), 'though the old helper is still at it');

    is(answer_of($asker), 200, 'a query under way at a reload is answered');
    $t->wait_for(sub { !Test::Pharos::alive($old) }, 'then it leaves', 20);

    # stop does not wait

    $asker = slow_request('stop');
    $begin = time;
    $t->stop;
    cmp_ok(time - $begin, '<', 3, 'stop does not wait for a query');
    isnt(answer_of($asker), 200, 'which is not answered');

    $t->run;
    $t->wait_ready;
}


sub slow_request {
    my ($name) = @_;

    $t->child(sub {
        my $res = HTTP::Tiny->new(timeout => 60)
                  ->get('http://127.0.0.1:' . $t->port . $slow);
        $t->write_file("slow-$name", $res->{status});
    });

    $t->wait_for(sub {
        return $t->metric($t->get('/metrics')->{content},
                          'pharos_tasks_running', pool => 'query');
    }, 'a query is under way');

    return $name;
}


sub answer_of {
    my ($name) = @_;

    return $t->wait_for(sub { $t->read_file("slow-$name") },
                        "the query of $name ends", 60);
}


# nothing of a killed nginx is in the way of the next
sub killed_master {
    my $pid = $t->master;
    my $old = $t->helper;
    my @workers = $t->workers;

    kill 'KILL', $pid;

    $t->wait_for(sub { !Test::Pharos::alive($old) },
                 'the helper follows its master');

    # workers do not: nginx itself leaves them
    kill 'KILL', @workers;
    $t->wait_for(sub { !grep { Test::Pharos::alive($_) } @workers },
                 'workers are gone');

    ok(-S $t->dir . '/s/pharos.sock', 'a stale socket is left');

    $t->run;
    $t->wait_ready;
    ok($t->helper, 'nginx starts in spite of it');
}


# one process is all of them
sub single {
    $t->quit;
    $t->conf($conf, main => 'master_process off; daemon on;');
    $t->run;
    $t->wait_ready;

    is($t->post('/metrics/job/single', "single 1\n")->{status} =~ /^20[02]$/,
       1, 'a single process takes a push');
    is(scalar $t->helpers, 0, 'and has no helper');

    $t->quit;
    ok(!-e $t->dir . '/s/pharos.sock', 'its socket goes with it');
}
