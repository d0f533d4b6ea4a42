#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Questions that are meant to do harm: each ends within the limits, with the
# status and the error that is said here, and while they are asked again and
# again the proxied requests beside them are no slower.
#
# Needs wrk.  RUNS (3) interleaved rounds: without them, with them, without
# them again, and with a process of nice 19 that only counts, which is what
# any work on the machine costs the others.  The medians of the p99 latencies
# are compared, and what the two without them differ by is the noise.  Who asks
# would be on another machine: it has nice 19, too, and what it costs by itself
# is shown by asking nobody, at a location that takes the questions and answers
# nothing.  SECONDS_EACH (10), RATE (2000 requests a second).  PHAROS_FILL is
# the program that fills the store: 1,000 series of 2,000 samples here, and
# 30,000 of one sample.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";

use POSIX ();
use Test::More;
use Test::Pharos;
use Time::HiRes qw(sleep time);

my $runs = $ENV{RUNS} || 3;
my $seconds = $ENV{SECONDS_EACH} || 10;
my $rate = $ENV{RATE} || 2000;
my $connections = 8;
my $fill = $ENV{PHAROS_FILL} || "$FindBin::Bin/../build/bench/fill";

plan(skip_all => 'no wrk') unless grep { -x "$_/wrk" } split /:/, $ENV{PATH};
plan(skip_all => "no $fill, see PHAROS_FILL") unless -x $fill;

# no answer may take longer, whatever else the machine does
my $limit_s = 20;

my $end = int time;
my $backend = Test::Pharos->new;
my $t = Test::Pharos->new;

$backend->conf('keepalive_requests 1000000;
    server { listen 127.0.0.1:%%PORT_0%%;
             location / { return 200 "' . ('x' x 1024) . '"; } }',
    store => '');
$backend->run;

my $upstream = $backend->port;

$t->conf(<<"END");
upstream backend { server 127.0.0.1:$upstream; keepalive 32; }
keepalive_requests 1000000;
pharos_retention 0;
pharos_query_timeout 10s;
pharos_query_max_samples 1m;
pharos_query_memory 64m;
server {
    listen 127.0.0.1:%%PORT_0%%;
    large_client_header_buffers 4 64k;
    location / { pharos; }
    location /nobody { return 204; }
    location /app/ {
        proxy_pass http://backend;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
    }
}
END

my $store = $t->dir . '/s';
mkdir $store;
is(system($fill, $store, 1000, 2000, 15_000, $end * 1000), 0, 'a store');
own($store) if $> == 0;

$t->run;
$t->wait_ready;
labels();

for my $case (cases()) {
    my ($name, $status, $error, $path, @args) = @$case;

    my $start = time;
    my $r = ask($path, @args);
    my $took = time - $start;
    my ($text) = $r->{content} =~ /"error":"(.{0,200})/s;
    $text = '' unless defined $text;

    like($r->{status}, qr/^(?:$status)$/, "$name: status");
    like($text, $error, "$name: says why") if $error;
    cmp_ok($took, '<', $limit_s, "$name: in time");
    diag(sprintf '%-32s %s %6.2f s  %s', $name, $r->{status}, $took,
         substr $text, 0, 60);
}

is($t->get('/-/ready')->{status}, 200, 'it is still there');

$t->write_file('pace.lua', "function delay()\n    return "
               . int(1000 * $connections / $rate + 0.5) . "\nend\n");

my (%p99, $asked);

for my $run (1 .. $runs) {
    for my $kind (qw(without with again counting nobody)) {
        my $load = $kind eq 'with' ? $t->load(\&harm)
                   : $kind eq 'nobody' ? $t->load(\&ask_nobody) : undef;
        my $busy = $kind eq 'counting' ? $t->child(\&count) : undef;

        push @{ $p99{$kind} }, wrk();

        if ($load) {
            my $ok = $t->load_stop($load)->{ok};
            $asked += $ok if $kind eq 'with';
        }

        if ($busy) {
            kill 'KILL', $busy;
            waitpid $busy, 0;
        }
    }

    diag(sprintf 'run %d: p99 %.2f ms without, %.2f with, %.2f again, '
         . '%.2f counting, %.2f asking nobody', $run,
         map { $p99{$_}[-1] } qw(without with again counting nobody));
}

my %m = map { $_ => (sort { $a <=> $b } @{ $p99{$_} })[$runs / 2] } keys %p99;
my $noise = abs($m{without} - $m{again});
my $base = $m{without} < $m{again} ? $m{again} : $m{without};

diag(sprintf 'medians of p99: %.2f ms without, %.2f with, %.2f again, '
     . '%.2f counting, %.2f asking nobody; %d hostile questions',
     @m{qw(without with again counting nobody)}, $asked);
ok($m{with} <= 1.1 * $base || $m{with} <= $base + $noise
   || $m{with} <= 1.1 * $m{counting},
   'p99 within a tenth, within what two runs without them differ by, or no '
   . 'more than with a process that counts');

$backend->quit;
$t->done;


# name, status, error, path, arguments
sub cases {
    my $all = '{__name__=~".+"}';
    my @range = (start => $end - 3600, end => $end, step => 15);
    my $query = '/api/v1/query';
    my $any = '200|422|503';

    return (
        [ 'regex: nested repeats', '200', undef, $query,
          query => 'wild{v=~"(a*)*(a+)+(a|a)*(a|aa)+b"}' ],
        [ 'regex: overlapping words', '200', undef, $query,
          query => 'wild{v=~"(.*)(.*)(.*)(.*)(.*)(.*)x"}' ],
        [ 'regex: counted repeats', '400', qr/repeat|regex|large/i, $query,
          query => 'wild{v=~"((a{1000}){1000}){1000}"}' ],
        [ 'regex: 100 kB of words', '200|400|422', undef, $query,
          query => 'wild{v=~"' . join('|', map { "w$_.*" } 1 .. 15000)
                   . '"}' ],
        [ 'regex: hundreds of the dearest', '503', qr/timed out/, $query,
          query => 'up{' . join(',', map { "v=~'(?i)$_" . '\\\\pL' x 1000
                                           . "'" } 1 .. 200) . '}',
          timeout => '1s' ],
        [ 'regex: as many selectors', '400|422|503', qr/MB|memory|timed out/,
          '/api/v1/series',
          map { ('match[]' => "up{v=~'$_(x+y*){1,100}.*z'}") } 1 .. 900 ],
        [ 'a milliard of steps', '400', qr/11,000 points/,
          '/api/v1/query_range', query => 'fill', start => 0, end => 1e9,
          step => 1 ],
        [ 'a milliard of inner steps', '422|503', qr/too many samples|timed/,
          $query, query => 'max_over_time(vector(1)[1000000s:1ms])' ],
        [ 'inner steps of 1 ms', '422|503', qr/samples|memory|timed/, $query,
          query => 'sum_over_time(fill[5h:1ms])' ],
        [ 'inner steps within inner steps', '422|503',
          qr/samples|memory|timed/, $query,
          query => 'sum_over_time(sum_over_time(sum_over_time('
                   . 'fill[1h:1s])[1h:1s])[1h:1s])' ],
        [ 'a join of everything', $any, undef, '/api/v1/query_range',
          query => "$all * on () group_left $all", @range ],
        [ 'everything with everything', $any, undef, '/api/v1/query_range',
          query => "$all and $all or $all unless $all", @range ],
        [ 'all samples', '422|503', qr/samples|memory|timed/, $query,
          query => "${all}[10d]" ],
        [ '1 MB of expression', '200|400|422', undef, $query,
          query => '1' . '+1' x 500_000 ],
        [ '10,000 deep', '400', qr/deep|nest/, $query,
          query => '(' x 10_000 . '1' . ')' x 10_000 ],
        [ '10,000 signs', '200|400', undef, $query,
          query => '-' x 10_000 . '1' ],
        [ '10,000 functions', '400', qr/deep|nest/, $query,
          query => 'abs(' x 10_000 . 'fill' . ')' x 10_000 ],
        [ 'a chain of "or"', $any . '|400', undef, $query,
          query => join ' or ', ('fill') x 20_000 ],
        [ 'count_values', '200', undef, $query,
          query => 'count_values("v", fill)' ],
        [ 'count_values over hours', $any, undef, '/api/v1/query_range',
          query => 'count_values("v", fill)', @range ],
        [ 'label_replace', '200|400|422', undef, $query,
          query => 'label_replace(fill, "x", "' . '$1' x 5000
                   . '", "i", "(.*)")' ],
        [ 'label_replace, again and again', $any . '|400', undef, $query,
          query => 'label_replace(' x 20 . 'fill'
                   . ', "x", "$1$1", "x", "(.*)")' x 19
                   . ', "x", "aaaaaaaaaaaaaaaa", "", "")' ],
        [ 'topk(1e9)', '200', undef, $query, query => "topk(1e9, $all)" ],
        [ 'quantile and stddev of all', $any . '|400', undef,
          '/api/v1/query_range',
          query => "quantile(0.5, $all) + stddev($all)", @range ],
        [ 'many groups', $any, undef, '/api/v1/query_range',
          query => "sum by (__name__, i, v) ($all)", @range ],
        [ 'repeated names', '200|400', undef, '/api/v1/labels',
          map { ('match[]' => 'fill') } 1 .. 2000 ],
        [ 'no time left', '503', qr/timed out/, '/api/v1/query_range',
          query => 'sum(quantile_over_time(0.5, fill[5h]))', @range,
          timeout => '50ms' ],
    );
}


# one hostile question after the other, in a process of its own
{
    my $at = 0;
    my @cases;

    # what is asked is made once: who asks shall cost the machine little
    sub harm {
        my ($name, $status, $path, $form) = next_case();

        return post($path, $form)->{status} =~ /^(?:$status)$/ ? '' : $name;
    }

    # as often as the server takes to answer the others, about
    sub ask_nobody {
        my ($name, $status, $path, $form) = next_case();

        sleep 0.12;

        return post('/nobody', $form)->{status} == 204 ? '' : $name;
    }

    sub next_case {
        if (!@cases) {
            POSIX::nice(19);
            @cases = map {
                my ($name, $status, $error, $path, @args) = @$_;
                [ $name, $status, $path, form(@args) ];
            } cases();
        }

        return @{ $cases[$at++ % @cases] };
    }
}


# keeps a processor busy until it is killed
sub count {
    POSIX::nice(19);

    my $n = 0;
    $n++ while 1;
}


# by POST: some are larger than a line may be
sub ask {
    my ($path, @args) = @_;

    return post($path, form(@args));
}


sub post {
    my ($path, $form) = @_;

    return $t->http('POST', $path, content => $form, headers => {
        'Content-Type' => 'application/x-www-form-urlencoded' });
}


sub form {
    my (@args) = @_;

    my @pairs;

    while (my ($name, $value) = splice @args, 0, 2) {
        s/([^A-Za-z0-9._-])/sprintf '%%%02X', ord $1/ge for $name, $value;
        push @pairs, "$name=$value";
    }

    return join '&', @pairs;
}


# many values of a label
sub labels {
    for my $part (0 .. 9) {
        my $r = $t->post('/api/v1/import', join '', map {
            qq({"metric":{"__name__":"wild","v":"@{['a' x 30]}$_"},)
            . qq("values":[1],"timestamps":[@{[$end * 1000 - 1000]}]}\n)
        } 3000 * $part .. 3000 * $part + 2999);

        $r->{status} == 204 or BAIL_OUT("$r->{status} $r->{content}");
    }

    return;
}


sub wrk {
    open my $f, '-|', 'wrk', '-t1', "-c$connections", "-d${seconds}s",
         '--latency', '-s', $t->dir . '/pace.lua',
         'http://127.0.0.1:' . $t->port . '/app/' or die "wrk: $!";
    my $text = do { local $/; <$f> };
    close $f;

    my %ms = (us => 0.001, ms => 1, s => 1000);
    my ($value, $unit) = $text =~ /99%\s+([\d.]+)(us|ms|s)\b/ or die $text;

    return $value * $ms{$unit};
}


sub own {
    my ($dir) = @_;

    my ($name) = grep { getpwnam $_ } qw(www-data nobody);

    chown((getpwnam $name)[2, 3], $dir, glob "$dir/*");

    return;
}
