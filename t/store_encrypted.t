#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# An encrypted store: what goes in comes out, over restarts and kills; the
# file shows none of it; another key, none, and one too many are told apart
# from damage.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $now = int(time);
my $key = 'a1' x 32;

$t->allow(qr/exited on signal 9/, qr/\[emerg\]/, qr/opening the store/,
          qr/the store is/, qr/a key is given/);

# the file of the key

my $names = 0;

for ([ 'a key of too few digits', 'a1' x 31, 0600, qr/has no key/ ],
     [ 'of too many', 'a1' x 33, 0600, qr/has no key/ ],
     [ 'of other digits', 'x1' x 32, 0600, qr/has no key/ ],
     [ 'nothing', '', 0600, qr/has no key/ ],
     [ 'others may read', $key, 0644, qr/others: its mode is 0644/ ],
     [ 'others may write', $key, 0602, qr/others: its mode is 0602/ ],
     [ 'digits', $key, 0600, undef ],
     [ 'a line', uc "$key\n", 0640, undef ],
     [ 'bytes', pack('H*', $key), 0400, undef ])
{
    my ($what, $text, $mode, $why) = @$_;
    my ($code, $out) = check(file('test' . $names++, $text, $mode));

    if ($why) {
        isnt($code, 0, "$what: refused");
        like($out, $why, "$what: and why");

    } else {
        is($code, 0, "$what: a key") or diag($out);
    }
}

my ($code, $out) = check('none');
isnt($code, 0, 'no file: refused');

# what goes in

my $good = file('key', $key, 0600);
my $other = file('other', 'b2' x 32, 0600);

secret($good)->run;
$t->wait_ready;

push_secret("hush_metric{whisper=\"hush_value\"} 42.5\n# EOF\n");
is(value($t, 'hush_metric{whisper="hush_value"}'), 42.5, 'a sample');
import_samples();
is(value($t, 'sum(count_over_time(hush_row[1h]))', time => $now), 30_000,
   'many');
is_deeply($t->json('/api/v1/label/whisper/values')->{data}, [ 'hush_value' ],
          'values of a label');
is_deeply($t->json('/api/v1/label/hush_i/values?limit=3')->{data},
          [ qw(v1 v10 v100) ], 'the first of many, in order');
is(value($t, 'count(hush_row{hush_i=~"v1.*"})', time => $now), 111,
   'by the beginning of a value');
is(value($t, 'count(hush_row{hush_i!~"v1.*",hush_i=~"v.+0"})',
         time => $now), 19, 'by what is not');

my $answer = sum();

for my $how (qw(KILL QUIT)) {
    if ($how eq 'KILL') {
        my $pid = $t->helper;
        kill 'KILL', $pid;
        $t->wait_for(sub { my $new = $t->helper; $new && $new != $pid },
                     'another helper');
    } else {
        $t->quit;
        $t->run;
    }

    $t->wait_ready;
    is(sum(), $answer, "after $how all is there");
    is(value($t, 'hush_metric'), 42.5, 'and what was pushed');
    push_secret("hush_metric{whisper=\"hush_value\"} 42.5\n");
}

# what a thief sees

$t->quit;
unlike(slurp('s/data.mdb'), qr/hush/, 'no name or value stands in the file');
unlike(slurp('s/data.mdb'), qr/\Q@{[ pack 'd<', 42.5 ]}\E/,
       'and no sample');

SKIP: {
    skip "no $t->{tool}", 14 unless -x $t->{tool};

    my $dir = $t->dir . '/s';
    my ($code, $out, $err) = $t->tool('--key', $good, 'verify', $dir);
    is($code, 0, 'verify with the key') or diag($out, $err);
    ($code, $out, $err) = $t->tool('--key', $other, 'verify', $dir);
    is($code, 1, 'with another');
    like($err, qr/encrypted with another key/, 'says so');
    ($code, $out, $err) = $t->tool('verify', $dir);
    is($code, 1, 'without');
    like($err, qr/encrypted, and no key is given/, 'says so');

    my $n = 0;

    for ([ 'salvage', $good, 0, qr/^$/ ],
         [ 'salvage with another key', $other, 1, qr/with another key/ ],
         [ 'salvage without', undef, 1, qr/encrypted, and no key/ ])
    {
        my ($what, $file, $want, $why) = @$_;
        my $to = $t->dir . '/saved' . $n++;

        ($code, $out, $err) = $t->tool($file ? ('--key', $file) : (),
                                       'salvage', $dir, $to);
        is($code, $want, $what) or diag($out, $err);
        like($err, $why, "$what: messages");
    }

    is(verified($t->dir . '/saved0', $good) =~ /(\d+) samples/ ? $1 : 0,
       verified($dir, $good) =~ /(\d+) samples/ ? $1 : -1,
       'all samples are salvaged');
    unlike(slurp('saved0/data.mdb'), qr/hush/, 'and encrypted again');

    ($code, $out, $err) = $t->tool('--key', 'nowhere', 'verify', $dir);
    like($err, qr/nowhere.*failed/, 'a key that is not there');
}

# other keys

for ([ 'another key', $other, qr/encrypted with another key/ ],
     [ 'no key', undef, qr/the store is encrypted, and no key is given/ ])
{
    my ($what, $file, $why) = @$_;

    $t->write_file('error.log', '');
    secret($file)->run;
    $t->wait_for(sub { $t->log_count($why) }, "$what: the log says so");
    is($t->get('/plain')->{status}, 200, "$what: nginx goes on");
    $t->quit;
    is(scalar(() = glob $t->dir . '/s/*damaged*'), 0,
       "$what: nothing is moved aside");
}

secret($good)->run;
$t->wait_ready;
is(sum(), $answer, 'with the key again all is there');
$t->quit;

# a store in the clear stays so

secret(undef, 'clear')->run;
$t->wait_ready;
push_secret("hush_metric 1\n");
$t->quit;
like(slurp('clear/data.mdb'), qr/hush/, 'the test would find a name');
secret($good, 'clear')->run;
$t->wait_for(sub { $t->log_count(qr/a key is given, but the store is not/) },
             'a key for a store in the clear is refused');

$t->done;


sub secret {
    my ($file, $dir) = @_;

    $dir = 's' unless $dir;

    return serve($t, $file ? "pharos_encryption_key $file;" : '')
        if $dir eq 's';

    my $root = $Test::Pharos::root;
    my $line = $file ? "pharos_encryption_key $file;" : '';

    $t->conf(<<"END", store => "pharos_store %%DIR%%/$dir; $line");
    pharos_lua $root/lua;

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / { pharos; }
        location = /plain { return 200 plain; }
    }
END

    return $t;
}


sub verified {
    my ($dir, $file) = @_;
    my ($code, $out, $err) = $t->tool('--key', $file, 'verify', $dir);

    return $out;
}


sub check {
    my ($file) = @_;

    $t->conf('', store => "pharos_store %%DIR%%/t; "
                          . "pharos_encryption_key $file;");
    return $t->test_conf;
}


sub file {
    my ($name, $text, $mode) = @_;

    $t->write_file("$name.key", $text);
    chmod $mode, $t->dir . "/$name.key";

    return $t->dir . "/$name.key";
}


sub push_secret {
    my ($body) = @_;

    is($t->http('PUT', '/metrics/job/hush_job', content => $body)->{status},
       200, 'pushed');
}


# enough for several pieces of a row, packs, and lists of many records
sub import_samples {
    my $body = '';

    for my $i (1 .. 300) {
        $body .= '{"metric":{"__name__":"hush_row","hush_i":"v' . $i
                 . '"},"values":[' . join(',', map { $i + $_ / 7 } 1 .. 100)
                 . '],"timestamps":['
                 . join(',', map { ($now - 30 * $_) * 1000 }
                        reverse 1 .. 100) . "]}\n";
    }

    is($t->http('POST', '/api/v1/import', content => $body)->{status}, 204,
       'imported');
}


sub sum {
    return value($t, 'sum(sum_over_time(hush_row[1h]))', time => $now);
}


sub slurp {
    my ($file) = @_;

    open my $fh, '<:raw', $t->dir . "/$file" or die "$file: $!";
    local $/;
    return scalar <$fh>;
}
