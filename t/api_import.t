#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# /api/v1/import, /api/v1/import/prometheus and /api/v1/export: what goes in
# comes out, to the bit; old samples enter series that have newer ones; bad
# lines and refused samples are told.

use strict;
use warnings;

use Compress::Zlib ();
use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $ms = 1_700_000_000_000;
my $s = $ms / 1000;

serve($t, <<'END');
    pharos_retention 0;
    pharos_max_body 1m;
END
$t->run;
$t->wait_ready;

sub import_lines {
    my ($body, %headers) = @_;

    # as curl does, which sends a form whatever it is told to send
    return $t->post('/api/v1/import', $body, headers => {
        'Content-Type' => 'application/x-www-form-urlencoded', %headers });
}

sub import_text {
    my ($body, $type) = @_;

    return $t->post('/api/v1/import/prometheus', $body,
                    headers => { 'Content-Type' => $type || 'text/plain' });
}

sub export {
    my ($match, %args) = @_;

    my $query = join '&', map({ 'match[]=' . escape($_) }
                              ref $match ? @$match : $match),
                          map { "$_=" . escape($args{$_}) } sort keys %args;

    return $t->get("/api/v1/export?$query")->{content};
}

sub error_of { return JSON::PP::decode_json($_[0]{content})->{error} }


# there and back again

my @lines = (
    qq({"metric":{"__name__":"a","b":"c"},"values":[1,-0,null,"Infinity",)
    . qq("-Infinity",1e-07,1.7976931348623157e+308,5e-324,0.1],"timestamps":[)
    . join(',', map { $ms + $_ } 0 .. 8) . "]}\n",
    qq({"metric":{"__name__":"a","b":"100% \\"\\\\\\n\xc3\xa9"},)
    . qq("values":[9007199254740993e0],"timestamps":[5]}\n),
);

is(import_lines(join '', @lines)->{status}, 204, 'lines are taken');

(my $want = join '', sort @lines) =~ s/9007199254740993e0/9.007199254740992e+15/;

is(join('', sort map { "$_\n" } split /\n/, export('a')), $want,
   'and come out as they went in');

my $before = export('a');
is(import_lines($before)->{status}, 204, 'an export is imported');
is(import_lines($before)->{status}, 204, 'and again');
is(export('a'), $before, 'nothing has changed');

my $res = $t->get('/api/v1/export?match[]=a',
                  headers => { 'Accept-Encoding' => 'gzip' });
is($res->{status}, 200, 'an export');
is($res->{headers}{'content-type'},
   'application/stream+json; charset=utf-8', 'has the type of lines');

is(export('a', start => $s + 0.005, end => $s + 0.006),
   qq({"metric":{"__name__":"a","b":"c"},"values":[1e-07,)
   . qq(1.7976931348623157e+308],"timestamps":[@{[$ms + 5]},@{[$ms + 6]}]}\n),
   'start and end are both within');
is(scalar(split /\n/, export('a{b="c"}', max_rows_per_line => 4)), 3,
   'lines of four samples');
is(export(['a{b="c"}', 'a']), export('a{b="c"}') . export('a{b!="c"}'),
   'a series of two matches comes once');
is(export('nothing'), '', 'nothing is an empty answer');

is($t->get('/api/v1/export')->{status}, 400, 'match[] is needed');
is($t->get('/api/v1/export?match[]=a&max_rows_per_line=0')->{status}, 400,
   'a line of no samples');
is($t->get('/api/v1/export?match[]=a%7B')->{status}, 400, 'a bad selector');
is($t->get('/api/v1/import')->{status}, 405, 'an import is a POST');

# compressed, both ways

$res = import_lines(Compress::Zlib::memGzip(
    '{"metric":{"__name__":"z"},"values":[' . join(',', 1 .. 5000)
    . '],"timestamps":[' . join(',', map { $ms + $_ } 1 .. 5000) . "]}\n"),
    'Content-Encoding' => 'gzip');
is($res->{status}, 204, 'a compressed body');

$res = $t->get('/api/v1/export?match[]=z',
               headers => { 'Accept-Encoding' => 'gzip' });
is($res->{headers}{'content-encoding'}, 'gzip', 'a compressed answer');
is(Compress::Zlib::memGunzip($res->{content}), export('z'),
   'says the same');

is(import_lines(Compress::Zlib::memGzip(' ' x 2_000_000),
                'Content-Encoding' => 'gzip')->{status}, 422,
   'a body that grows too large');
is(import_lines('x' x 1_100_000)->{status}, 413, 'one that is too large');
is(import_lines('no gzip', 'Content-Encoding' => 'gzip')->{status}, 400,
   'one that is damaged');

# old samples among newer ones; a scrape's window is closed all the same

is(import_text("old 1 $ms\n")->{status}, 204, 'a sample');
is(import_text("old 2 1000\nold 3 @{[$ms - 1]}\n")->{status}, 204,
   'older ones after it');
like(export('old'), qr/"values":\[2,3,1\]/, 'are in order');

$res = import_text("old 4 1000\nold 5 2000\n");
is($res->{status}, 400, 'another value for the same time is refused');
like(error_of($res), qr/^1 of 2 samples are stored; .* 1 with another value/,
     'counted');
like(export('old'), qr/"values":\[2,5,3,1\]/, 'and does not change the first');

$res = import_text("future 1 " . (time + 86400) . "000\n");
is($res->{status}, 400, 'the future is refused');
like(error_of($res), qr/1 beyond retention or in the future/, 'counted');

# formats

is(import_text("# TYPE om counter\nom_total 7 $s.5\n# EOF\n",
               'application/openmetrics-text; version=1.0.0')->{status},
   204, 'OpenMetrics');
like(export('om_total'), qr/"timestamps":\[${ms}\]|500\]/, 'in seconds');
is(import_text("nowish 7\n")->{status}, 204, 'without a time');
is(value($t, 'nowish'), 7, 'it is now');

# what is wrong

$res = import_lines($lines[0] . "\n" . '{"metric":{"__name__":"w"},'
                    . qq("values":[1],"timestamps":[$ms]}\nx\n));
is($res->{status}, 400, 'a bad line');
like(error_of($res), qr/^10 samples are stored, then line 4: an object/,
     'is told by number');
like(export('w'), qr/"values":\[1\]/, 'the lines before it are stored');

$res = import_text("good 1 $ms\nbad\n");
is($res->{status}, 400, 'a bad line of text');
like(error_of($res), qr/^1 samples are stored, then line 2: /, 'the same');

# much at once, and what is acknowledged survives

my $n = 20_000;
my $big = '{"metric":{"__name__":"big"},"values":['
          . join(',', map { $_ / 8 } 1 .. $n) . '],"timestamps":['
          . join(',', map { $ms + 1000 * $_ } 1 .. $n) . "]}\n";

is(import_lines($big)->{status}, 204, 'many samples');

my $helper = $t->helper;
$t->allow(qr/exited on signal 9/);
kill 'KILL', $helper;
$t->wait_for(sub { my $h = $t->helper; $h && $h != $helper }, 'a successor');
$t->wait_ready;

is(value($t, 'count_over_time(big[30d])', time => $s + $n), $n,
   'all there after a kill');
is(export('big', max_rows_per_line => $n), $big, 'and as they were');

# stale markers of pushed groups

$t->http('PUT', '/metrics/job/j', content => "pushed{x=\"100%\"} 1\n",
         headers => { 'Content-Type' => 'application/x-www-form-urlencoded' });
is(value($t, 'pushed{x="100%"}'), 1, 'a push is no form either');
$t->http('DELETE', '/metrics/job/j');
$t->wait_for(sub { !defined value($t, 'pushed') }, 'it has ended');

unlike(export('pushed'), qr/Stale/, 'a marker is left out');
like(export('pushed', stale_markers => 1), qr/"StaleNaN"\]/,
     'unless it is asked for');

# with retention, what is too old is refused

$t->quit;
serve($t, 'pharos_retention 30d;');
$t->run;
$t->wait_ready;

$res = import_text('late 1 ' . (time - 40 * 86400) . "000\nlate 2 "
                   . (time - 20 * 86400) . "000\n");
is($res->{status}, 400, 'older than retention');
like(error_of($res), qr/^1 of 2 samples are stored; refused: 1 beyond/,
     'is refused alone');

$t->done;
