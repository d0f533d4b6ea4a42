#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# "pharos import-tsdb": blocks that promtool made, some of their samples
# deleted by a prometheus, are imported; then that prometheus and an nginx
# with the store give equal answers.

use strict;
use warnings;

use File::Path qw(remove_tree);
use FindBin;
use lib "$FindBin::Bin/lib";

use HTTP::Tiny;
use JSON::PP ();
use POSIX qw(_exit);
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;

for my $program ('prometheus', 'promtool') {
    next if grep { -x "$_/$program" } split /:/, $ENV{PATH};
    plan(skip_all => "no $program");
}

plan(skip_all => "no $t->{tool}, see PHAROS_TOOL") unless -x $t->{tool};

my $dir = $t->dir;
my ($base, $n, $step) = (1_700_000_000, 1500, 15);
my $end = $base + ($n - 1) * $step;

# two and more blocks of values of many kinds

my %kinds = (
    same => sub { 7 },
    count => sub { $_[0] * 3 + ($_[0] > 700 ? -2000 : 0) },
    wave => sub { sprintf '%.17g', sin($_[0]) * 1e6 },
    large => sub { $_[0] % 5 ? 1e300 * $_[0] : -1e-300 },
    odd => sub { (qw(NaN +Inf -Inf -0 1))[$_[0] % 5] },
    sparse => sub { $_[0] % 50 ? undef : $_[0] },
);

my $text = '';

for my $kind (sort keys %kinds) {
    $text .= "# TYPE $kind gauge\n";

    for my $i (0 .. $n - 1) {
        my $v = $kinds{$kind}->($i);
        next unless defined $v;

        # the times of some waver
        my $at = $base + $i * $step + ($kind eq 'wave' ? $i % 7 / 1000 : 0);
        $text .= sprintf "%s{a=\"\xc3\xa9\\\"%d\",job=\"j\"} %s %.3f\n",
                         $kind, $_, $v, $at for 1 .. 3;
    }
}

$t->write_file('samples.om', "$text# EOF\n");

is(system("promtool tsdb create-blocks-from openmetrics $dir/samples.om "
          . "$dir/data >$dir/promtool.out 2>&1"), 0, 'promtool makes blocks')
    or diag($t->read_file('promtool.out'));

my $nsamples = () = $text =~ /^[a-z]/mg;

# a prometheus with these blocks, some samples of which it deletes

my $port = Test::Pharos::free_port();
my $http = HTTP::Tiny->new(timeout => 30);

$t->write_file('prometheus.empty', "global: {}\n");
$t->child(sub {
    open STDOUT, '>', "$dir/prometheus.out";
    open STDERR, '>&', \*STDOUT;
    exec 'prometheus', "--config.file=$dir/prometheus.empty",
        "--storage.tsdb.path=$dir/data", "--web.listen-address=127.0.0.1:$port",
        '--storage.tsdb.retention.time=100y', '--web.enable-admin-api';
});

sub prometheus {
    my ($path, %params) = @_;

    my $res = $http->get("http://127.0.0.1:$port/api/v1/$path?"
                         . join '&', map { "$_=" . escape($params{$_}) }
                                     sort keys %params);

    return eval { JSON::PP::decode_json($res->{content}) };
}

$t->wait_for(sub { prometheus('query', query => '1') }, 'prometheus runs', 30);

my ($from, $to) = ($base + 3000, $base + 9000);
is($http->post("http://127.0.0.1:$port/api/v1/admin/tsdb/delete_series?"
               . 'match[]=' . escape('count{a=~".*2"}')
               . "&start=$from&end=$to")->{status}, 204,
   'prometheus deletes samples');
$t->wait_for(sub { grep { -s > 9 } glob "$dir/data/*/tombstones" },
             'which leaves tombstones');

# the store is in use, and then is not

serve($t, 'pharos_retention 0;');
$t->run;
$t->wait_ready;

my ($code, $out, $err) = $t->tool('import-tsdb', '--store', "$dir/s",
                                  '--from', "$dir/data");
is($code, 1, 'a store in use is refused');
is($err, "pharos: import-tsdb: $dir/s: the store is in use by process "
         . $t->helper . ": if that is nginx, stop it first\n",
   'and its user named');

$t->quit;

for (['--store', "$dir/s"], ['--from', "$dir/data"], ['--frob'],
     ['--store', 's', '--from', 'd', '--min-time', 'x'],
     ['--store', 's', '--from', 'd', 'more'])
{
    ($code, $out, $err) = $t->tool('import-tsdb', @$_);
    is($code, 2, "@$_: called wrongly");
}

($code, $out, $err) = $t->tool('import-tsdb', '--store', "$dir/s",
                               '--from', "$dir/s");
is($code, 1, 'a folder without blocks');
like($err, qr/: there are no blocks$/, 'is told');

# part of it, all of it, and all again

($code, $out, $err) = $t->tool('import-tsdb', '--store', "$dir/s", '--from',
    "$dir/data", '--min-time', $base, '--max-time', '2023-11-14T22:15:00Z');
is($code, 0, 'a range of time') or diag($err);
like($out, qr/, 18 series in them, 108 samples, 0 refused;/,
     'has the samples within');

my $deleted = int(($to - $from) / $step) + 1;

for my $what ('the rest', 'once more') {
    ($code, $out, $err) = $t->tool('import-tsdb', '--store', "$dir/s",
                                   '--from', "$dir/data");
    is($code, 0, $what) or diag($out, $err);
    like($out, qr/ @{[$nsamples - $deleted]} samples, 0 refused; 0 chunks.*, 0 /,
         "$what: all but what was deleted");
    like($err, qr/newest hours are in "wal"/, "$what: a word of the rest");
}

($code, $out, $err) = $t->tool('verify', "$dir/s");
is($code, 0, 'the store is sound') or diag($out, $err);

# Equal answers.  No step is exactly a range away from a sample: what is on
# the border is another matter since Prometheus 3.

$t->run;
$t->wait_ready;

sub answer {
    my ($j) = @_;

    my $r = $j->{data}{result} or return $j;

    return { map { canonical($_->{metric})
                   => [ map { [ $_->[0], number($_->[1]) ] }
                        @{ $_->{values} } ] } @$r };
}

# the very double, however many zeros it was written with
sub number { return $_[0] =~ /[0-9]/ ? sprintf '%.17g', $_[0] : $_[0] }

# names go with the first function: several of them would be the same series
my $stored = 0;
$stored += value($t, "sum(count_over_time({__name__=\"$_\",job=\"j\"}[1y]))",
                 time => $end + 1) || 0
    for @{ api($t, 'label/__name__/values', 'match[]' => '{job="j"}')->{data} };

is($stored, $nsamples - $deleted, 'no sample is there twice');

for my $expr ('{job="j"}', 'rate(count[5m])', 'sum by (a) (wave)',
              'max_over_time(large[1h])', 'odd', 'count_over_time(odd[7m])',
              'count({__name__=~".+"}) by (__name__)', 'changes(sparse[2h])',
              'quantile_over_time(0.9, wave[10m])', 'absent(count{a="x"})')
{
    my %params = (query => $expr, start => $base - 60.5, end => $end + 600,
                  step => 37);
    my $want = answer(prometheus('query_range', %params));

    cmp_ok(scalar(keys %$want), '>', 0, "$expr: prometheus has an answer");
    is_deeply(answer(api($t, 'query_range', %params)), $want,
              "$expr: and pharos the same");
}

$t->quit;

# damage is told, and the rest imported

my ($chunks) = glob "$dir/data/*/chunks/000001";
flip($chunks, 40);
remove_tree("$dir/t");
mkdir "$dir/t";

($code, $out, $err) = $t->tool('import-tsdb', '--store', "$dir/t", '--from',
                               "$dir/data");
is($code, 1, 'a damaged chunk is an error');
like($err, qr{chunks/000001: the chunk at offset \d+ is damaged}, 'is named');
like($out, qr/, 1 were damaged$/, 'and counted');

my ($index) = sort { $b cmp $a } glob "$dir/data/*/index";
flip($index, 20);

($code, $out, $err) = $t->tool('import-tsdb', '--store', "$dir/t", '--from',
                               "$dir/data");
is($code, 1, 'a damaged index');
like($err, qr{: index: the table of symbols at offset 5 is damaged},
     'is named, too');
like($out, qr/ [1-9]\d* samples, 0 refused/, 'others are imported');

$t->done;


# changes one byte
sub flip {
    my ($path, $at) = @_;

    open my $f, '+<:raw', $path or die "open $path: $!";
    seek $f, $at, 0;
    read $f, my $byte, 1;
    seek $f, $at, 0;
    print {$f} chr(ord($byte) ^ 0x55);
    close $f or die "close: $!";
}
