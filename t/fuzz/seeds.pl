#!/usr/bin/perl

# Copyright (C) The Pharos Authors

# Writes what the fuzz targets start from, made of what other tests have:
#
#     perl t/fuzz/seeds.pl DIR
#
# makes DIR/<target>/<number> for each target.  PHAROS_CORPUS names a folder
# with more configuration files, as for t/unit/settings_corpus.c.

use warnings;
use strict;

use File::Basename qw/ dirname /;
use File::Find;
use File::Path qw/ make_path /;

my $root = dirname(__FILE__) . '/../..';
my $dir = shift or die "usage: seeds.pl DIR\n";
my %n;

# the number of the endpoint in api.c
my %endpoint;
{
    my ($list) = slurp("$root/t/fuzz/api.c") =~ /paths\[\] = \{(.*?)\};/s;
    my $i = 0;
    $endpoint{$_} = $i++ for $list =~ /"(.*?)"/g;
}


# expressions

for my $file (glob "$root/t/promql/*.test") {
    for (split /\n/, slurp($file)) {
        next unless /^\s*eval (instant at \S+|range from .* step \S+) (.*)/;
        my $expr = $2;

        seed('promql', $expr);
        seed('api', request('/api/v1/query', 'query=' . encode($expr)))
            if $n{promql} % 7 == 0;
        seed('api', request('/api/v1/query_range', 'query=' . encode($expr)
             . '&start=1699999000&end=1700000000&step=15'))
            if $n{promql} % 7 == 1;
        seed('promql_selector', $_) for $expr =~ /(\w*\{[^}]*\})/g;
    }
}

seed('promql', $_) for 'a[5m:1m] @ end() offset -1h', '{"a.b", c!~"d|e"}',
    'histogram_quantile(0.9, sum by (le) (rate(h_bucket[5m])))',
    'a / on(x) group_left(y) b', '{{schema:1 sum:2 buckets:[1 2]}}',
    'sum without (a) (b) unless bool c', "a # comment\n + 0x1f ^ -1e-3";

# what MetricsQL has besides

for (slurp("$root/t/unit/promql_dialect.c")
         =~ /^ +\{ ("(?:[^"\\]|\\.)*"),/mg)
{
    my $expr = substr $_, 1, -1;
    $expr =~ s/\\(.)/$1/g;

    seed('promql', $expr);
    seed('api', request('/api/v1/query_range', 'query=' . encode($expr)
         . '&dialect=metricsql&start=1699999000&end=1700000000&step=15'));
}

seed('promql_selector', $_) for 'up', '{__name__=~"a|b",c=""}',
    '{"quoted.name", `x`!~\'y\'}';


# queries: bytes that choose, and expressions as they are, of what samples.h
# has; the bytes before them make ten steps of a minute

srand 1;
seed('promql_eval', join '', map { chr int rand 256 } 1 .. 8 + $_ * 6)
    for 1 .. 60;

for ('sum by (x) (rate(c[5m]))', 'histogram_quantile(0.9, sum(rate(h[2m])))',
     'g + on (x) group_left (version) target_info', 'topk(2, f) or odd',
     'min_over_time((m == m)[5m:30s] offset 1m)', 'info(g, {version=~".+"})',
     'histogram_quantile(0.5, b_bucket)', 'rate(c[1m] anchored)',
     'count_values("v", k) unless on (x) {"u.x"}', 'increase(h[5m]) * 2',
     'label_replace(g, "y", "$1", "x", "(.*)") / 0', 'g @ end() - g @ start()',
     'avg without (x) (k) </ 1.5',
     'predict_linear(f[10m:], 60) + on (x) fill (0) g')
{
    seed('promql_eval', "\1\x40\x50\0\0\0\0\0$_");
    seed('promql_eval', "\3\x40\x30\x18\0\0\x45\x72$_");
}

for ('(g, c) default 0', 'WITH (f(x) = sum(x)) f(g) / f(c)', 'rate(c)',
     'topk_max(1, {x="1" or x="2"})', 'range_median(g) keep_metric_names')
{
    seed('promql_eval', "\3\x40\x50\0\0\0\0\0$_");
}


# matchers, patterns, names

my @matchers = ('a="b"', '{a="b",c=~"d.*"}', '{a!="b", c!~d}', 'a=b',
                '"a b"="c\\n\\"d"', '{"a"=~"x|y",}');
seed('matchers', $_) for @matchers;

seed('regex', "$_->[0]\n$_->[1]\n$_->[2]") for
    [ 'a|b|cd', '$0', 'cd' ], [ '(.*):(\d+)', '${1}-$2', 'host:9100' ],
    [ '(?i)ab[^c-e]{2,5}?', '', 'ABxyz' ], [ '(?P<n>\pL+)\b', '$n', 'abc' ],
    [ '\Qa.b\E.+', '$$', 'a.bc' ], [ '[[:alpha:]]*(x+x+)+y', '$9', 'xxxx' ],
    [ 'foo.*|^bar$', '', 'bar' ], [ '\x{10FFFF}\101\C?', '', 'A' ],
    [ '(?s-i:a.(?U)b*)', '', "a\nb" ];

seed('labels', join '', map { pack 'C/a*', $_ } @$_) for
    [ 'a', 'b' ], [ '__name__', 'up', 'job', 'x' ], [];


# JSON, YAML and files

seed('json', $_) for '{"a":[1,-2.5e3,true,null,"\u00e9\ud83d\ude00"]}',
    '[[[]],{"":{}}]', '1e400', '"\\u0000"',
    '{"range":{"from":"2023-11-14T22:00:00Z"},"targets":[{"target":"a"}]}';

seed('yaml', $_) for "a: &x [1, 2.5, ~, yes]\nb: *x\n", "- |\n  text\n- >-\n"
    . "  folded\n\n  x\n", "? a\n: \"\\u263a\\n\"\n", "<<: {a: 1}\nb: 'it''s'\n";

my @files = ("$root/conf", grep { defined && -d } $ENV{PHAROS_CORPUS});

find({ no_chdir => 1, wanted => sub {
    return unless -f && -s _ < 8000 && /\.ya?ml$/;
    my $text = slurp($_);

    seed('yaml', $text) if -s $_ < 2000;
    seed('prometheus_yml', $text) if $text =~ /^(?:scrape_configs|global):/m
                                     && $text !~ /^route:/m;
    seed('alertmanager_yml', $text) if $text =~ /^(?:route|receivers):/m;
    seed('rules_yml', $text) if $text =~ /^groups:/m;
} }, @files);


# templates

for my $case (split /^---\n/m, slurp("$root/t/lua/template_rule.txt")) {
    my ($text) = split /^=>\n/m, $case;
    chomp $text;
    seed('template', "\0$text");
    seed('template', "\1$text") if $n{template} % 3 == 0;
}

seed('template', "\1$_") for '{{ range .Alerts.Firing }}{{ .Labels.x }}'
    . '{{ end }}', '{{ define "a" }}{{ . | toUpper }}{{ end }}'
    . '{{ template "a" .Status }}', '{{ .CommonLabels | toJson }}';
seed('template', "\2<a href=\"{{ .ExternalURL }}\">{{ \"<b>\" }}</a>");


# other requests

seed('api', request(@$_)) for
    [ '/api/v1/series', 'match[]=a&match[]={i="1"}&start=0' ],
    [ '/api/v1/labels', 'limit=2&match[]=a' ],
    [ '/api/v1/label/', 'i/values', 'match[]=a&end=1700000000.5' ],
    [ '/api/v1/label/', 'U__a_2e_b/values', '' ],
    [ '/api/v1/format_query', 'query=a%2bb' ],
    [ '/api/v1/targets', 'state=active&scrapePool=node' ],
    [ '/api/v1/rules', 'type=alert&match[]={severity="page"}'
      . '&exclude_alerts=true&rule_name[]=A&group_limit=1' ],
    [ '/api/v1/status/tsdb', 'limit=3' ],
    [ '/api/v1/status/', 'runtimeinfo', '' ],
    [ '', '/-/ready', '' ], [ '', '/graph', '' ],
    [ '/api/v1/query', 'query=h&time=1699999990', 'text/csv', 0x38 ],
    [ '/api/v1/query_range', 'query=a&start=1699999000&end=1700000000'
      . '&step=15&stats=all&explain=1', 'text/csv;q=0.5, */*', 0x34 ],
    [ '/api/v1/query_range', 'query=rate(a[5m])&start=1699999000&end='
      . '1700000000&step=15&max_source_resolution=5m&timeout=1s', 0x28 ],
    [ '/api/v1/query_exemplars', 'query=h_bucket&start=1699990000' ],
    [ '/api/v1/export', 'match[]=a&match[]=h&max_rows_per_line=7' ],
    [ '/federate', 'match[]=h&match[]=a', 'application/vnd.google.protobuf;'
      . 'proto=io.prometheus.client.MetricFamily;encoding=delimited', 0x34 ],
    [ '/federate', 'match[]={__name__!=""}' ],
    [ '/api/v1/parse_query', 'query=sum(rate(a[5m])) by (i) > bool 1' ],
    [ '/api/v1/import', '', '{"metric":{"__name__":"a"},"values":[1],'
      . '"timestamps":[1]}', 1 ],
    [ '/api/v1/import/prometheus', '', "x{a=\"b\"} 1 1700000000000\n", 1 ],
    [ '/api/v1/admin/tsdb/delete_series', 'match[]=a&start=1', 0x81 ],
    [ '/api/v1/status/top_queries', 'order=sum_duration&topN=3' ],
    [ '/api/search', 'query=t&tag=x&type=dash-db&limit=5' ],
    [ '/api/dashboards/uid/', 'u', '' ],
    map({ [ $_, '' ] } '/api/v1/alertmanagers', '/api/dashboards/home',
        '/api/datasources', '/api/v1/status/active_queries');
seed('api', request('/api/v1/status/', $_, '')) for qw(
    buildinfo config flags walreplay tsdb );

for my $kind (qw{ /json /simplejson }) {
    seed('api', request("$kind/$_->[0]", '', $_->[1], 3)) for
        [ 'search', '{"target":"a"}' ],
        [ 'query', '{"range":{"from":"2023-11-14T22:00:00Z","to":'
          . '"2023-11-14T22:13:20Z"},"intervalMs":15000,"maxDataPoints":50,'
          . '"targets":[{"refId":"A","target":"a","type":"timeserie"},'
          . '{"target":"sum(a)","type":"table","payload":{}}],'
          . '"adhocFilters":[{"key":"i","operator":"=","value":"1"}]}' ],
        [ 'annotations', '{"range":{"from":"2023-11-14T22:00:00Z","to":'
          . '"2023-11-14T22:13:20Z"},"annotation":{"query":"a > 1"}}' ],
        [ 'tag-values', '{"key":"i"}' ];
}
seed('api', request('/json/variable', '',
     '{"payload":{"target":"label_values(a, i)"},"range":{}}', 3));


# what is pushed and scraped

my $text = "# HELP c_total It.\n# TYPE c_total counter\n"
    . "c_total{a=\"b\\n\\\"\",d=\"e\"} 1.5 1700000000000\nc_total 2\n"
    . "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\n"
    . "h_sum 3\nh_count 2\n";
my $open = "# TYPE c counter\n# UNIT c_seconds seconds\n"
    . "c_total{a=\"b\"} 1 1700000000.5 # {t=\"x\"} 0.5 1\nc_created 1\n"
    . "# TYPE s stateset\ns{s=\"on\"} 1\n# EOF\n";

seed('expo_text', $text);
seed('expo_text', "{\"a.b\",c=\"d\"} NaN\n");
seed('expo_openmetrics', $open);
seed('import_lines', "#$text");
seed('import_lines', "%$open");
seed('import_lines', $_) for
    '{"metric":{"__name__":"a","b":"\\u00e9\\n"},"values":[1,-0,null,'
    . '"Infinity",1e-07],"timestamps":[1,2,3,4,5]}' . "\n",
    '{"x":[{"y":[null]},1],"timestamps":[1],"values":["StaleNaN"],'
    . '"metric":{"__name__":"\\ud83d\\ude00"}}' . "\n\n{}";
seed('push_body', chr($_) . $text) for 0, 4, 8, 64;
seed('push_body', "\1$open");
seed('push_path', $_) for 'j/instance/i', 'j/a@base64/YWJj', '@base64/ag==/b/%2F';

my $label = bytes(1, bytes(1, 'x') . bytes(2, '1'));
my $bucket = bytes(3, "\x08\3" . number(2, 1));

for my $m ([ 0, 3, number(1, 2.5) ], [ 1, 2, number(1, 2.5) ],
           [ 3, 5, number(1, 2.5) ],
           [ 2, 4, "\x08\7" . number(2, 7) . bytes(3, number(1, 0.5)
             . number(2, 8)) ],
           [ 4, 7, "\x08\4" . number(2, 9) . $bucket ])
{
    my $family = bytes(1, 'm') . bytes(2, 'It.') . "\x18" . chr($m->[0])
        . bytes(4, $label . bytes($m->[1], $m->[2]) . "\x30\x80\x01");
    seed('push_protobuf', "\0" . pack('C/a*', $family));
    seed('push_body', "\2" . pack('C/a*', $family));
    seed('lines', chr($_) . pack('C/a*', $family)) for 1, 3, 7;
}

seed('lines', "\7" . pack('C/a*', bytes(1, 'n') . "\x18\4" . bytes(4, $label
     . bytes(7, "\x08\7" . number(2, 7) . $bucket . "\x28\2"
             . number(6, 0.1) . "\x38\1" . bytes(12, "\x08\1\x10\2")
             . bytes(13, "\4\4") . bytes(9, "\x10\1")
             . bytes(10, "\2")))));
seed('lines', chr($_) . $text) for 28, 30;
seed('lines', "\x0c$open");


# a block: three symbols and two series; a chunk of three samples

my $symbols = "\0\0\0\3\1a\1b\1c";
my $entry = "\2\0\1\1\2\2\x10\x05\x08\x01\x05\x10";
seed('tsdb_block', "\1" . chr(length($symbols) - 4) . $symbols
     . pack('C/a*', $entry) . "\0\0\0\0" . "\0" x 5
     . pack('C/a*', $entry) . "\0\0\0\0");
seed('tsdb_block', "\2\0\3\x90\x4e" . pack('d>', 1.5) . "\x0f\x80\0\xff\xff");
seed('tsdb_block', "\3" . pack('N', 0x0130ba30) . "\1\5\2\x10\0\0\0\0");
seed('tsdb_block', "\3" . pack('N', 0x85bd40dd) . "\1\0\0\0\5\1hello\0\0\0\0");


# remote read: two queries, matchers of all kinds, forms packed and not

my $read = bytes(1, "\x08\xe8\x07\x10\xd0\x0f"
     . join('', map { bytes(3, "\x08" . chr($_) . bytes(2, 'a')
                               . bytes(3, 'b.*')) } 0 .. 3))
     . bytes(1, bytes(4, "\x08\1")) . bytes(2, "\1\0") . "\x10\1";

seed('remote_read', "\1$read");
seed('api', request('/api/v1/read', '', $read, 0x61));

for my $types ('', "\x10\0", "\x10\1") {
    my $query = "\x08" . varint(1_699_990_000_000) . "\x10"
        . varint(1_700_000_000_000)
        . bytes(3, "\x08\2" . bytes(2, '__name__') . bytes(3, 'a|h'))
        . bytes(3, "\x08\0" . bytes(2, 'region') . bytes(3, 'eu'));
    seed('api', request('/api/v1/read', '', bytes(1, $query) . $types, 0x61));
}


# remote write: labels, or symbols and references, a sample, and what is
# beside them

{
    my $sample = number(1, 1.5) . "\x10\xe8\x07";
    my $label = bytes(1, bytes(1, '__name__') . bytes(2, 'm'))
                . bytes(1, bytes(1, 'a') . bytes(2, 'b'));

    seed('remote_write', "\0" . join '', map { bytes(1, $_) }
         $label . bytes(2, $sample),
         $label . bytes(2, "\x10\xd0\x0f") . bytes(3, $label . $sample),
         bytes(2, $sample) . $label . bytes(4, "\x08\x01"));
    seed('remote_write', "\0" . bytes(3, "\x08\x01" . bytes(2, 'm')
                                        . bytes(4, 'It.') . bytes(5, 's')));
    seed('remote_write', "\1" . join('', map { bytes(4, $_) }
                                     '', '__name__', 'm', 'a', 'b', 'It.')
         . bytes(5, bytes(1, "\1\2\3\4") . bytes(2, "$sample\x18\x01")
                    . bytes(5, "\x08\x01\x18\x05"))
         . bytes(5, "\x08\x01\x08\x02" . bytes(2, $sample)
                    . bytes(3, '') . bytes(4, $sample)));
}


# records: any bytes do, the target encodes some of them itself


# a leaf of records: offsets of the nodes, then the nodes, from the end on
seed('store_scan', chr($_) . leaf("\1\2\3\4\0\0" => "\5\10__name__\1x",
                                  'psome' . "\0\1\0\0" => "\3\0abc",
                                  "\0" x 7 . "\1" => "\0" x 16))
    for 0x03, 0x07, 0x17, 0x1f, 0x27;

seed('store_chunk', chr($_) . "\x10" . pack('d<*', 1 .. 40)) for 0 .. 4;
seed('store_chunk', "\1\0" . pack('d<*', map { $_ / 10 } 1 .. 100));
seed('store_chunk', "\6\0\1\0\2" . "\x80" . "\0" x 7 . "\x80" . "\0" x 5
     . "\7\xd0" . "\1\2\xd0\x0f" . pack('d<', 1.5) . "\0\4\1t\1a"
     . "\0\0\0" . pack('d<', 2.5) . "\3\1b");
seed('store_chunk', "\1\0" . pack('d<*', (1e300, -0.0, 'NaN') x 9));


sub seed {
    my ($target, $text) = @_;

    make_path("$dir/$target") unless $n{$target};
    open my $f, '>', "$dir/$target/" . sprintf('%04d', $n{$target}++)
        or die "open $dir/$target: $!";
    binmode $f;
    print {$f} $text;
    close $f or die "close: $!";
}


# the lines that follow the two bytes; the last argument is the second byte,
# without which the answer is asked for twice, packed
sub request {
    my ($path, @lines) = @_;

    my $bits = @lines && $lines[-1] =~ /^\d+$/ ? pop @lines : 0x24;

    return chr($endpoint{$path}) . chr($bits) . join("\n", @lines)
        if exists $endpoint{$path};

    return chr($endpoint{''}) . chr($bits) . join("\n", $path, @lines);
}


sub encode {
    my ($s) = @_;

    $s =~ s/([&%+#;])/sprintf '%%%02X', ord $1/ge;

    return $s;
}


sub varint {
    my ($n) = @_;

    return $n < 128 ? chr $n : chr($n & 127 | 128) . varint($n >> 7);
}


sub bytes { return chr($_[0] << 3 | 2) . pack('C/a*', $_[1]) }
sub number { return chr($_[0] << 3 | 1) . pack('d<', $_[1]) }


sub slurp {
    my ($path) = @_;

    open my $f, '<', $path or die "open $path: $!";
    local $/;

    return scalar <$f>;
}


sub leaf {
    my (@records) = @_;

    my ($offsets, $nodes) = ('', '');

    while (my ($key, $body) = splice @records, 0, 2) {
        my $node = pack('VvvA*', 4 + length $body, 0, length $key, '')
                   . "$key\0\0\0\0$body";
        $nodes = $node . "\0" x (length($node) % 2) . $nodes;
        $offsets .= pack 'v', 4094 - length $nodes;
    }

    my $head = pack 'Q<v4', 2, 0, 2, 16 + length $offsets,
                    4094 - length $nodes;

    return $head . $offsets
           . "\0" x (4094 - 16 - length($offsets) - length $nodes) . $nodes;
}
