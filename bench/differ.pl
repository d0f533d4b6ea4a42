#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Random queries over random data, to Debian's prometheus and to us: the
# answers must be equal.  The data have gaps, resets, NaN, infinities, stale
# markers and series that come and go; both sides get them by remote write.
#
# QUERIES (20000), SEED (of the clock; printed), SHOW (20 differences).
#
# Prometheus 2 and 3 disagree in a few places, and ours is as 3 is.  They are
# kept out of the way: no sample and no step of a subquery falls on the begin
# of a window, which 2 includes; rate() sees counters far above zero, near
# which 2 extrapolates otherwise; stddev() sees no infinity and no NaN, which
# 2 takes for 0 when they are alone; numbers may differ in the last digits,
# since 3 sums with compensation, and so count_values() sees whole ones; the
# names of metrics that atan2 keeps in 2 are not looked at; and what 2 does
# not know is not asked.  Where 3 refuses several matches of a comparison that
# 2 only refuses if it is true, the answer is counted as "stricter".

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";

use IO::Socket::INET;
use JSON::PP ();
use POSIX qw(_exit floor);
use Test::More;
use Test::Pharos;
use Time::HiRes qw(time);

my $queries = $ENV{QUERIES} || 20_000;
my $seed = $ENV{SEED} || time;
my $show = $ENV{SHOW} || 20;

my $begin = 1_700_000_040;                      # a whole minute
my $length = 3 * 3600;
my $step = 15;

plan(skip_all => 'no prometheus')
    unless grep { -x "$_/prometheus" } split /:/, $ENV{PATH};

$seed = int $seed;
srand $seed;

my $t = Test::Pharos->new;
$t->conf(<<'END');
keepalive_requests 1000000;
pharos_retention 0;
server { listen 127.0.0.1:%%PORT_0%%; client_max_body_size 64m;
         location / { pharos; } }
END
$t->run;
$t->wait_ready;

my $port = Test::Pharos::free_port();
my $owner = $$;
my $prometheus = start_prometheus();

END { kill 'TERM', $prometheus if $prometheus && $$ == $owner }
$SIG{TERM} = $SIG{INT} = sub { exit 1 };

my %s = (ours => $t->port, theirs => $port);

load(series());

my $json = JSON::PP->new;
my (%kinds, @differences, $where);
my $start = time;

for my $n (1 .. $queries) {
    my @request = request();
    my ($ours, $theirs) = map { ask($_, @request) } qw(ours theirs);
    $where = '';
    my $how = compare($ours, $theirs, $request[-1]);

    $kinds{$how}++;
    next unless $how eq 'different';

    push @differences, $request[-1];
    next if @differences > $show;

    diag("difference: ", join ' ', @request);
    diag("  $where") if $where;
    diag('  ours:   ', substr $ours, 0, 400);
    diag('  theirs: ', substr $theirs, 0, 400);
}

diag(sprintf '%d queries, seed %d, %.0f s: %s', $queries, $seed,
     time - $start, join ', ', map { "$_ $kinds{$_}" } sort keys %kinds);
is(scalar @differences, 0, 'no answer differs');
cmp_ok($kinds{equal} + ($kinds{'last digits'} || 0), '>', 0.5 * $queries,
       'most queries have an answer');

kill 'TERM', $prometheus;
waitpid $prometheus, 0;
$prometheus = 0;
$t->done;


#
# Data.
#

# { labels => { }, samples => [ [ ms, double as 8 bytes ], ... ] }
sub series {
    my @series;

    for my $instance (qw(a:1 b:1 c:2)) {
        for my $job (qw(web db)) {
            my %own = (instance => $instance, job => $job);

            for my $code (200, 404, 500) {
                push @series, one({ %own, __name__ => 'requests_total',
                                    code => $code }, \&counter);
            }

            for my $kind (qw(x y)) {
                push @series, one({ %own, __name__ => 'level',
                                    kind => $kind }, \&gauge);
            }

            push @series,
                one({ %own, __name__ => 'odd' }, \&odd),
                one({ %own, __name__ => 'parts', v => rand > 0.5 ? 1 : 2 },
                    \&fraction),
                one({ %own, __name__ => 'info_of', version => "1.$job" },
                    sub { 1 });
        }

        my @sum = (0) x 400_000;
        for my $le (qw(0.1 0.5 1 2.5 +Inf)) {
            push @series, one({ __name__ => 'took_seconds_bucket',
                                instance => $instance, le => $le },
                              bucket($le));
        }
    }

    return @series;
}


sub one {
    my ($labels, $value) = @_;

    my ($from, $to) = (0, $length);
    my @samples;

    # churn
    if (rand() < 0.3) {
        $from = $length * rand(0.5);
        $to = $from + $length * rand(0.5);
    }

    my $offset = 137 + int rand 800;
    my ($gap, $alive) = (0, 0);         # $alive: samples since the last gap

    for (my $at = 0; $at < $length; $at += $step) {
        my $ms = ($begin + $at) * 1000 + $offset;
        my $v = $value->($at, $alive);

        if ($at < $from || $at > $to || $gap > 0) {
            # what ends, ends in half of the cases with a stale marker
            push @samples, [ $ms, pack('VV', 2, 0x7ff00000) ]
                if $alive && rand() < 0.5;
            $alive = 0;
            $gap--;
            next;
        }

        $gap = 1 + int rand 40 if rand() < 0.01;
        $alive++;
        push @samples, [ $ms, pack 'd<', $v ];
    }

    return { labels => $labels, samples => \@samples };
}


# a reset soon after a gap makes a counter seem to come from near zero
sub counter {
    our %last;
    my ($at, $alive) = @_;

    $last{v} = 1e6 + int rand 1e6 if !$at || ($alive > 12 && rand() < 0.01);

    return $last{v} += int rand 1000;
}


sub gauge { return int(rand 2000) - 1000 }

sub fraction { return rand(20) - 10 }

sub odd {
    my $r = rand;

    return $r < 0.05 ? 'NaN' + 0 : $r < 0.08 ? 9**9**9
           : $r < 0.1 ? -9**9**9 : int(rand 10) - 5;
}


# buckets of one instance grow together
sub bucket {
    my ($le) = @_;
    my $share = $le eq '+Inf' ? 1 : $le / 4;
    my $v = 1e6;

    return sub { return $v += 1000 * $share };
}


# all series by slices of time: prometheus takes nothing an hour late
sub load {
    my @series = @_;

    for (my $from = $begin; $from < $begin + $length; $from += 600) {
        my $request = '';

        for my $one (@series) {
            my @part = grep { $_->[0] >= $from * 1000
                              && $_->[0] < ($from + 600) * 1000 }
                       @{ $one->{samples} };
            $request .= write_request($one->{labels}, \@part) if @part;
        }

        my $body = snappy($request);

        for my $who (qw(ours theirs)) {
            my $r = HTTP::Tiny->new->post(
                "http://127.0.0.1:$s{$who}/api/v1/write",
                { content => $body, headers => {
                    'Content-Type' => 'application/x-protobuf',
                    'Content-Encoding' => 'snappy',
                    'X-Prometheus-Remote-Write-Version' => '0.1.0' } });
            die "$who: $r->{status} $r->{content}" unless $r->{success};
        }
    }

    return;
}


# prometheus.WriteRequest of one series
sub write_request {
    my ($labels, $samples) = @_;

    my $ts = join '', map {
        field(1, field(1, $_) . field(2, $labels->{$_}))
    } sort keys %$labels;

    $ts .= field(2, "\x09$_->[1]\x10" . varint($_->[0])) for @$samples;

    return field(1, $ts);
}


sub field {
    my ($n, $bytes) = @_;

    return chr($n << 3 | 2) . varint(length $bytes) . $bytes;
}


sub varint {
    my ($n) = @_;
    my $out = '';

    while ($n > 127) {
        $out .= chr($n & 127 | 128);
        $n >>= 7;
    }

    return $out . chr $n;
}


# literals alone are snappy, too
sub snappy {
    my ($bytes) = @_;
    my $out = varint(length $bytes);

    while (length $bytes) {
        my $part = substr $bytes, 0, 65536, '';
        $out .= chr(61 << 2) . pack('v', length($part) - 1) . $part;
    }

    return $out;
}


sub start_prometheus {
    my $dir = $t->dir;

    $t->write_file('prometheus.yml', "global: {}\n");

    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        open STDOUT, '>', "$dir/prometheus.log";
        open STDERR, '>&', \*STDOUT;
        exec 'prometheus', "--config.file=$dir/prometheus.yml",
             "--storage.tsdb.path=$dir/tsdb",
             '--storage.tsdb.retention.time=100y',
             '--web.enable-remote-write-receiver',
             "--web.listen-address=127.0.0.1:$port" or _exit(127);
    }

    $t->wait_for(sub {
        return HTTP::Tiny->new->get("http://127.0.0.1:$port/-/ready")
               ->{success};
    }, 'prometheus is ready', 60);

    return $pid;
}


#
# Queries.
#

# steps fall 7 s after a whole minute, and no window begins there
sub request {
    my $at = $begin + 7 + 60 * int rand($length / 60);
    my $query = rand() < 0.9 ? vector(3) : scalar_(3);

    return ('/api/v1/query', time => $at, query => $query)
        if rand() < 0.4;

    my $every = pick(60, 120, 300);
    my $steps = int rand 20;

    return ('/api/v1/query_range', start => $at, step => $every,
            end => $at + $every * $steps, query => $query);
}


sub pick { return $_[rand @_] }

sub duration { return pick(qw(1m 2m 5m 10m 30m 1h)) }

sub number { return pick(0, 1, 2, -1, 0.5, 10, 100, 1e6, 'NaN', 'Inf', -3.7) }


sub selector {
    my $name = pick(qw(requests_total requests_total level level parts odd
                       info_of took_seconds_bucket nothing));
    my @m;

    push @m, pick('job="web"', 'job!="web"', 'job=~"w.*|x"', 'job!~"d."',
                  'job=""')
        if rand() < 0.3;
    push @m, pick('instance="a:1"', 'instance=~"[ab]:1"', 'instance!="b:1"',
                  'instance=~".+"', 'instance!~"c.*"')
        if rand() < 0.3;
    push @m, pick('code="200"', 'code=~"4..|5.."', 'kind="x"', 'code!=""')
        if rand() < 0.15;

    my $sel = @m ? "$name\{" . join(',', @m) . '}' : $name;

    return "{__name__=~\"$name|info_of\"" . (@m ? ',' . join ',', @m : '')
           . '}' if rand() < 0.05;

    return $sel;
}


sub modifier {
    my $r = rand;

    return $r < 0.08 ? ' offset ' . duration()
           : $r < 0.1 ? ' offset -' . duration()
           : $r < 0.13 ? ' @ ' . ($begin + 7 + 60 * int rand($length / 60))
           : $r < 0.15 ? pick(' @ start()', ' @ end()') : '';
}


sub matrix {
    my ($depth) = @_;

    if ($depth > 0 && rand() < 0.15) {
        our $inside;

        # the steps of one subquery would begin the windows of another, were
        # these not shifted
        my $shift = $inside ? ' offset ' . pick('7s', '-8s', '5m7s')
                    : modifier();

        if (!$inside || rand() < 0.5) {
            local $inside = 1;

            return '(' . vector($depth - 1) . ')[' . duration() . ':'
                   . pick(qw(1m 30s 15s 1m)) . ']' . $shift;
        }
    }

    return selector() . '[' . duration() . ']' . modifier();
}


sub labels_of {
    my @all = qw(job instance code kind le version v);
    my @some = grep { rand() < 0.35 } @all;

    return '(' . join(', ', @some) . ')';
}


sub aggregate {
    my ($depth) = @_;

    my $by = rand() < 0.7 ? pick('by ', 'without ') . labels_of() . ' ' : '';
    my $op = pick(qw(sum sum avg min max count group stddev stdvar quantile
                     topk bottomk count_values sum max));

    # prometheus 2 mixes up groups of different labels from the second step on
    $by = '' if $op eq 'count_values';

    my $arg = $op eq 'quantile' ? pick(0, 0.5, 0.9, 1, -1, 2) . ', '
              : $op =~ /^(?:topk|bottomk)$/ ? pick(0, 1, 2, 5) . ', '
              : $op eq 'count_values' ? '"value", ' : '';

    # equal values are ranked in no order that is promised
    my $in = $op =~ /^(?:topk|bottomk|stddev|stdvar)$/ ? ranked()
             : $op eq 'count_values' ? whole() : vector($depth - 1);

    return "$op $by($arg$in)";
}


# different values
sub ranked {
    return pick('parts', 'parts{job="web"}', 'deriv(parts[10m])',
                'avg_over_time(parts[5m])', '-parts', 'parts * 3');
}


sub whole {
    return pick('level', 'odd', 'requests_total', 'info_of', 'ceil(parts)',
                'count_over_time(odd[5m])', 'level{kind="x"} offset 5m',
                'changes(level[2m])', 'odd > 0', 'level == bool 1');
}


sub counters {
    return pick('requests_total', 'requests_total{code="200"}',
                'requests_total{job=~"w.+"}', 'took_seconds_bucket',
                'took_seconds_bucket{le!="1.0"}')
           . '[' . duration() . ']' . modifier();
}


sub over_time {
    my ($depth) = @_;

    my $fn = pick(qw(rate increase delta irate idelta resets changes deriv
                     rate increase avg_over_time sum_over_time min_over_time
                     max_over_time count_over_time last_over_time
                     present_over_time stddev_over_time stdvar_over_time
                     double_exponential_smoothing
                     quantile_over_time predict_linear absent_over_time));

    return 'quantile_over_time(' . pick(0, 0.5, 0.99, 1) . ', '
           . matrix($depth) . ')' if $fn eq 'quantile_over_time';
    return 'double_exponential_smoothing(' . pick('parts', 'level')
           . '[' . duration() . ']' . modifier() . ', ' . pick(0.1, 0.5, 0.9)
           . ', ' . pick(0.1, 0.7) . ')'
        if $fn eq 'double_exponential_smoothing';
    # with "@", prometheus 2 looks at other samples from the second step on
    # and what 3 sums to an infinity, 2 sums to NaN
    return 'predict_linear(' . pick('parts', 'level', 'requests_total')
           . '[' . duration() . ']' . pick('', '', ' offset 5m', ' offset -1m')
           . ', ' . pick(60, 600) . ')' if $fn eq 'predict_linear';

    return "$fn(" . counters() . ')' if $fn =~ /^(?:rate|increase|irate)$/;

    # of values that are equal on both sides to the last digit
    return "$fn(" . matrix(0) . ')' if $fn =~ /^(?:resets|changes)$/;

    return "$fn(" . matrix($depth) . ')';
}


sub math {
    my ($depth) = @_;

    my $in = vector($depth - 1);
    my $fn = pick(qw(abs ceil floor exp ln log2 log10 sqrt sgn round clamp
                     clamp_min clamp_max sin cos atan sort sort_desc
                     timestamp absent label_replace label_join hour minute
                     month year day_of_week day_of_month days_in_month
                     day_of_year histogram_quantile deg rad asin acos sinh
                     cosh tanh asinh acosh atanh now));

    return pick(qw(hour minute month year day_of_week day_of_month
                   days_in_month day_of_year)) . '()'
        if $fn eq 'now';
    return "$fn(clamp($in, -1, 1))" if $fn =~ /^(?:asin|acos|atanh)$/;
    return "$fn(clamp($in, -20, 20))" if $fn =~ /^(?:sinh|cosh|tanh)$/;

    # what jumps at whole numbers, or soon, wants values without an error
    return "$fn(" . pick('parts', 'level', 'odd', 'odd * 2', 'level / 4',
                         'parts offset 5m') . ')'
        if $fn =~ /^(?:ceil|floor|round|sgn|sin|cos|hour|minute|month|year
                       |day_of_week|day_of_month|days_in_month
                       |day_of_year)$/x;

    # Go's logarithm of denormal numbers is wrong on amd64
    return "exp(clamp($in, -700, 700))" if $fn eq 'exp';
    return "clamp($in, " . pick(-5, 0) . ', ' . pick(3, 100) . ')'
        if $fn eq 'clamp';
    return "$fn($in, " . pick(-5, 0, 100) . ')' if $fn =~ /^clamp_/;
    return "label_replace($in, \"" . pick(qw(job new kind)) . '", "'
           . pick('$1', 'x', '${1}y', '') . '", "' . pick(qw(job instance no))
           . '", "' . pick('(.*)', '(.).*', 'w(.+)', '') . '")'
        if $fn eq 'label_replace';
    return "label_join($in, \"" . pick(qw(job new)) . '", "-", '
           . '"job", "instance")' if $fn eq 'label_join';
    return 'histogram_quantile(' . pick(0, 0.5, 0.9, 1) . ', '
           . pick('rate(took_seconds_bucket[5m])', 'took_seconds_bucket',
                  'sum by (le) (rate(took_seconds_bucket[10m]))') . ')'
        if $fn eq 'histogram_quantile';

    return "$fn($in)";
}


sub binary {
    my ($depth) = @_;

    my $op = pick(qw(+ - * / % ^ == != > < >= <= and or unless atan2 + - *
                     /));
    return whole() . ' % ' . pick(2, 7, -10, 0.5) if $op eq '%';

    my $set = $op =~ /^(?:and|or|unless)$/;
    my $bool = $op =~ /^[=!<>]/ && rand() < 0.4 ? ' bool' : '';

    unless ($set) {
        return vector($depth - 1) . " $op$bool " . scalar_($depth - 1)
            if rand() < 0.3;
        return scalar_($depth - 1) . " $op$bool " . vector($depth - 1)
            if rand() < 0.1;
    }

    my $match = rand() < 0.6 ? pick(' on', ' ignoring') . labels_of() : '';

    $match .= pick(' group_left', ' group_right')
              . (rand() < 0.5 ? '(version)' : '')
        if $match && !$set && rand() < 0.3;

    return '(' . vector($depth - 1) . " $op$bool$match " . vector($depth - 1)
           . ')';
}


sub vector {
    my ($depth) = @_;
    my $r = rand;

    return selector() . modifier() if $depth <= 0 || $r < 0.15;
    return aggregate($depth) if $r < 0.4;
    return over_time($depth) if $r < 0.65;
    return math($depth) if $r < 0.8;
    return binary($depth) if $r < 0.95;
    return '-(' . vector($depth - 1) . ')' if $r < 0.97;

    return 'vector(' . scalar_($depth - 1) . ')';
}


sub scalar_ {
    my ($depth) = @_;
    my $r = rand;

    return number() if $depth <= 0 || $r < 0.6;
    return 'time()' if $r < 0.7;
    return 'scalar(' . vector($depth - 1) . ')' if $r < 0.85;

    return '(' . scalar_($depth - 1) . ' ' . pick(qw(+ - * / % ^)) . ' '
           . scalar_($depth - 1) . ')';
}


#
# Answers.
#

sub ask {
    my ($who, $path, @args) = @_;
    our %http;

    $http{$who} ||= HTTP::Tiny->new(keep_alive => 1, timeout => 60);

    my @pairs;
    while (my ($name, $value) = splice @args, 0, 2) {
        $value =~ s/([^A-Za-z0-9._-])/sprintf '%%%02X', ord $1/ge;
        push @pairs, "$name=$value";
    }

    # the name that it had in 2; here it is experimental, and comes with the
    # dialect, in which nothing that both know may differ
    if ($who eq 'theirs') {
        s/double_exponential_smoothing/holt_winters/g for @pairs;

    } elsif ("@pairs" =~ /double_exp/ || (() = "@pairs" =~ /a/g) % 2) {
        push @pairs, 'dialect=metricsql';
    }

    my $r = $http{$who}->get("http://127.0.0.1:$s{$who}$path?"
                             . join '&', @pairs);

    die "$who: $r->{status} $r->{content}" if $r->{status} == 599;

    return $r->{content};
}


sub compare {
    my ($ours, $theirs, $query) = @_;

    my ($a, $b) = map { /"data":(.*)\}\s*\z/s ? $1 : '' } $ours, $theirs;

    return 'equal' if $a ne '' && $a eq $b;

    ($a, $b) = map { $json->decode($_) } $ours, $theirs;

    if ($a->{status} ne $b->{status}) {
        return ($a->{error} || '') =~ /^multiple matches for labels/
               && $query =~ /[<>=!]=?/ ? 'stricter' : 'different';
    }

    return $a->{errorType} eq $b->{errorType} ? 'refused' : 'different'
        if $a->{status} eq 'error';
    return 'different' if $a->{data}{resultType} ne $b->{data}{resultType};

    my $nameless = $query =~ /atan2/;
    ($a, $b) = map { flat($_->{data}, $nameless) } $a, $b;

    return 'different' if join("\n", sort keys %$a) ne join "\n",
                                                            sort keys %$b;

    my $how = 'equal';

    for my $key (keys %$a) {
        next if $a->{$key} eq $b->{$key};

        # 3 adds a compensation of +0 to each sum, and a sum is divided by
        if ("$a->{$key}$b->{$key}" =~ /^(?:\+Inf-Inf|-Inf\+Inf)$/
            && $query =~ /sum|avg/)
        {
            $how = 'sign of zero';
            next;
        }

        # 2 averages to 1e-17 what 3 averages to 0, and it is divided by
        if ($a->{$key} =~ /Inf/ && $b->{$key} !~ /[NI]/
            && abs $b->{$key} > 1e12 && $query =~ m{/.*avg})
        {
            $how = 'by almost zero';
            next;
        }

        if (!near($a->{$key}, $b->{$key})) {
            $where = "$key: $a->{$key}, theirs $b->{$key}";
            return 'different';
        }

        $how = 'last digits' if $how eq 'equal';
    }

    return $how;
}


# series and time to value
sub flat {
    my ($data, $nameless) = @_;

    my $type = $data->{resultType};
    return { $data->{result}[0] => $data->{result}[1] }
        if $type eq 'scalar' || $type eq 'string';

    my %flat;

    for my $s (@{ $data->{result} }) {
        my $m = $s->{metric};
        delete $m->{__name__} if $nameless;
        my $name = join ',', map { "$_=$m->{$_}" } sort keys %$m;

        $flat{"$name @ $_->[0]"} = $_->[1]
            for $type eq 'vector' ? $s->{value} : @{ $s->{values} };
    }

    return \%flat;
}


sub near {
    my ($x, $y) = @_;

    return 0 if "$x$y" =~ /[NI]/;

    my $size = abs $x > abs $y ? abs $x : abs $y;

    return abs($x - $y) <= 1e-9 * $size + 1e-9;
}
