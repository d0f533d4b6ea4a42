#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Random patterns of RE2's grammar, and some that are not of it, to Debian's
# prometheus by label_replace() and to ours: accepted or refused, matched or
# not, and what the groups of a match hold must be equal.
#
# PATTERNS (20000), SEED (of the clock; printed), SHOW (20 differences).
#
# "." matches no newline in Prometheus 2, so patterns begin with (?s) there.
# Ours is Unicode 14, that of Debian's prometheus 13: characters that came
# between are not used.  Names of scripts are compared without case here, as
# since Go 1.25, and are written as they should be; "(?<n>" is "(?P<n>" since
# Go 1.22.  What is too large is refused by both, but not at the same size.

use strict;
use warnings;
no warnings 'qw';

use FindBin;
use lib "$FindBin::Bin/../t/lib";

use HTTP::Tiny;
use IPC::Open2 qw(open2);
use JSON::PP ();
use Test::More;
use Test::Pharos;
use Time::HiRes qw(sleep time);

my $patterns = $ENV{PATTERNS} || 20_000;
my $seed = int($ENV{SEED} || time);
my $show = $ENV{SHOW} || 20;

plan(skip_all => 'no prometheus')
    unless grep { -x "$_/prometheus" } split /:/, $ENV{PATH};

srand $seed;

my $owner = $$;
my $port = Test::Pharos::free_port();
my $dir = "/tmp/pharos-regex-$$";
my $prometheus = start_prometheus();
my $url = "http://127.0.0.1:$port/api/v1/query";
my $http = HTTP::Tiny->new(keep_alive => 1, timeout => 60);
my $json = JSON::PP->new->utf8;

END {
    if ($prometheus && $$ == $owner) {
        kill 'TERM', $prometheus;
        waitpid $prometheus, 0;
        system 'rm', '-rf', $dir;
    }
}
$SIG{TERM} = $SIG{INT} = sub { exit 1 };

my $pid = open2(my $out, my $in, $ENV{PHAROS_REGEX}) or die "$!";

# what patterns and values are made of, as bytes

my @chars = (split(//, 'aabbcABkKsS12_-. :'), "\n", "\t", "\x0b",
             map { utf8::encode($_); $_ } map { "$_" }
             "\x{17f}", "\x{212a}", "\xe9", "\xc9", "\xdf", "\x{1e9e}",
             "\x{3bb}", "\x{39b}", "\x{3c3}", "\x{3c2}", "\x{4e16}",
             "\x{1f600}", "\x{1c5}", "\x{2028}", "\xb2", "\x{660}");
my @classes = ('\d', '\D', '\w', '\W', '\s', '\S', '\pL', '\PL', '\p{Lu}',
               '\p{Ll}', '\p{^Lu}', '\p{Greek}', '\P{Greek}', '\pN', '\pM',
               '\p{Nd}', '\pP', '\pS', '\pZ', '\pC', '\p{Cc}', '\p{Han}',
               '\p{Latin}', '\p{Common}', '\p{Lt}', '\p{Any}');
my @posix = map { ("[:$_:]", "[:^$_:]") }
    qw(alnum alpha ascii blank cntrl digit graph lower print punct space
       upper word xdigit);
my @templates = ('[$0]', '[$1|$2|$3]', '[${1}x$2]', '[$n]', '[${n}$m]',
                 '[$$1$1x]', '[$01]', '[$10]', '[$1-${2}-$]', '[${1]',
                 "[\$n\xc3\xa9]", '[$1_]');
my (%kinds, @differences);
my $start = time;

for my $n (1 .. $patterns) {
    my ($pattern, @values) = make();
    my $template = $templates[rand @templates];
    my $theirs = theirs($pattern, $template, @values);
    my $ours = ours($pattern, $template, @values);
    my $how = compare($ours, $theirs);

    $kinds{$how}++;
    next unless $how =~ /^different/;

    push @differences, $pattern;
    next if @differences > $show;

    diag("$how: ", readable($pattern), ' on ',
         join ' ', map { readable($_) } $template, @values);
    diag('  ours:   ', readable($ours));
    diag('  theirs: ', readable($theirs));
}

diag(sprintf '%d patterns, seed %d, %.0f s: %s', $patterns, $seed,
     time - $start, join ', ', map { "$_ $kinds{$_}" } sort keys %kinds);
is(scalar @differences, 0, 'no answer differs');
cmp_ok($kinds{'same matches'} || 0, '>', 0.3 * $patterns,
       'many patterns have a match');
cmp_ok($kinds{'both refuse'} || 0, '>', 0.02 * $patterns,
       'some patterns are refused');
done_testing();


#
# Patterns: each with a text that may match it.
#

sub make {
    my ($pattern, $text) = alternation(rand() < 0.2 ? 3 : 1 + int rand 2);

    if (rand() < 0.15) {
        my $at = int rand(1 + length $pattern);
        my @odd = (qw'( ) [ ] * + ? { } | \\ ^ $ (?i) (?i-s) (?i: (?P<n>
                      (?P< {2} {1001} {,3} {2,1} {02} \C \Z \1 \8 \E \Q
                      \x{110000} \x{} \x4 \pX \p{Foo} (?=a) (?! (?# (?-)
                      [:alpha:] [[:foo:]] [z-a] [a-\d] [\d-a] ** a?? (?P>n)
                      (?i *? +? ++ }? \07 \0 \123 \_ \- \< \a \v \:',
                      "\xff", "\xed\xa0\x80");

        substr($pattern, $at, int rand(2), $odd[rand @odd]);
    }

    my @values = ($text, '');

    # in the middle of characters as well

    for my $n (1 .. 5) {
        my $value = $values[rand @values];

        for my $times (0 .. rand 3) {
            my $at = int rand(1 + length $value);
            substr($value, $at, int rand(3), rand() < 0.7
                   ? $chars[rand @chars] : $values[rand @values]);
        }

        push @values, substr $value, 0, 200;
    }

    push @values, uc $text, lc $text;

    return ($pattern, @values);
}


sub alternation {
    my ($depth) = @_;

    my @all = map { [ sequence($depth) ] } 0 .. (rand() < 0.3 ? rand 4 : 0);
    my $one = $all[rand @all];

    return (join('|', map { $_->[0] } @all), $one->[1]);
}


sub sequence {
    my ($depth) = @_;
    my ($pattern, $text) = ('', '');

    for my $n (1 .. rand 5) {
        my ($p, $t) = repeated($depth);

        $pattern .= $p;
        $text .= $t;
    }

    return ($pattern, $text);
}


sub repeated {
    my ($depth) = @_;
    my ($p, $t) = atom($depth);

    return ($p, $t) if rand() < 0.6;

    my $m = int rand 4;
    my $n = $m + int rand 3;
    my ($op, $min, $max) = @{ ([ '*', 0, 3 ], [ '+', 1, 3 ], [ '?', 0, 1 ],
                               [ "{$m}", $m, $m ], [ "{$m,}", $m, $m + 2 ],
                               [ "{$m,$n}", $m, $n ], [ '*?', 0, 3 ],
                               [ '+?', 1, 3 ], [ '??', 0, 1 ],
                               [ "{$m,$n}?", $m, $n ])[rand 10] };

    return ("$p$op", substr $t x ($min + rand($max - $min + 1)), 0, 60);
}


sub atom {
    my ($depth) = @_;
    my $kind = rand;

    return char() if $kind < 0.35;
    return ('.', $chars[rand @chars]) if $kind < 0.45;
    return ($classes[rand @classes], $chars[rand @chars]) if $kind < 0.53;
    return bracket() if $kind < 0.65;
    return (('^', '$', '\b', '\B', '\A', '\z', '(?m)', '(?i)', '(?U)',
             '(?s)', '(?-s)', '(?m:^)', '(?m:$)')[rand 13], '')
        if $kind < 0.72;
    return ('\Qa.b|\E', 'a.b|') if $kind < 0.73;
    return char() if $depth == 0;

    my ($p, $t) = alternation($depth - 1);

    return ("($p)", $t) if $kind < 0.85;
    return ("(?:$p)", $t) if $kind < 0.9;
    return ("(?i:$p)", rand() < 0.5 ? uc $t : lc $t) if $kind < 0.93;
    return ((qw'(?s: (?-s: (?U: (?m:')[rand 4] . "$p)", $t) if $kind < 0.96;
    return ((qw'(?P<n> (?P<m> (?P<x1>')[rand 3] . "$p)", $t);
}


sub char {
    my $c = $chars[rand @chars];

    return ("\\$c", $c) if $c =~ /[.\-_ :]/ && $c !~ /[ _]/;

    if (rand() < 0.08) {
        my $u = $c;

        utf8::decode($u);
        return (sprintf('\x{%x}', ord $u), $c);
    }

    return ('\n', $c) if $c eq "\n";
    return ($c, $c);
}


sub bracket {
    my $text = $chars[rand @chars];
    my $class = '';

    for my $n (0 .. rand 3) {
        my $kind = rand;

        if ($kind < 0.25) {
            my ($lo, $hi) = (('a', 'c'), ('A', 'z'), ('0', '9'),
                             ("\xc3\xa0", "\xc3\xbf"), ('\x00', '\x{10ffff}'),
                             ("\xce\xb1", "\xcf\x89"), ('k', 's'),
                             (' ', '~'))[map { ($_, $_ + 1) } 2 * int rand 8];

            $class .= "$lo-$hi";

        } elsif ($kind < 0.4) {
            $class .= $classes[rand @classes];

        } elsif ($kind < 0.5) {
            $class .= $posix[rand @posix];

        } else {
            my $c = $chars[rand @chars];

            $class .= $c =~ /[-.:]/ ? "\\$c" : $c;
            $text = $c;
        }
    }

    $class .= '-' if rand() < 0.1;
    return ('[' . (rand() < 0.25 ? '^' : '') . "$class]", $text);
}


#
# Both sides.
#

sub ours {
    my ($pattern, $template, @values) = @_;

    print $in join(' ', map { 'x' . unpack 'H*', $_ } $pattern, $template,
                   @values), "\n";

    my $line = <$out>;

    die "$ENV{PHAROS_REGEX} is gone: ", readable($pattern), "\n"
        if !defined $line;
    chomp $line;
    return '!' . pack 'H*', $1 if $line =~ /^!(.*)/;

    return join ' ', map { /^=(.*)/ ? '=' . given($1) : $_ }
                     split / /, $line;
}


# as JSON has it: what is no UTF-8 is U+FFFD

sub given {
    my ($hex) = @_;

    my $s = pack 'H*', $hex;
    my $out = '';

    while (length $s) {
        if ($s =~ s/^([\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]
                     |\xe0[\xa0-\xbf][\x80-\xbf]
                     |[\xe1-\xec\xee\xef][\x80-\xbf]{2}
                     |\xed[\x80-\x9f][\x80-\xbf]
                     |\xf0[\x90-\xbf][\x80-\xbf]{2}
                     |[\xf1-\xf3][\x80-\xbf]{3}
                     |\xf4[\x80-\x8f][\x80-\xbf]{2})//x)
        {
            $out .= $1;
            next;
        }

        $s =~ s/^.//s;
        $out .= "\xef\xbf\xbd";
    }

    return unpack 'H*', $out;
}


sub theirs {
    my ($pattern, $template, @values) = @_;

    my $i = 0;
    my $vector = join ' or ', map {
        'label_replace(label_replace(vector(1), "s", ' . quote($_)
            . ', "", ""), "i", "' . $i++ . '", "", "")'
    } map { s/\$/\$\$/gr } @values;

    my $query = 'label_replace(' . $vector . ', "o", ' . quote("<$template>")
        . ', "s", ' . quote("(?s)$pattern") . ')';

    # in the address: a body would go as a packet of its own, and wait

    my $res = $http->get("$url?" . $http->www_form_urlencode(
                         [ query => $query ]));
    my $answer = eval { $json->decode($res->{content}) };

    return "?$res->{content}" if !$answer;

    if ($answer->{status} ne 'success') {
        return $answer->{error} =~ /invalid regular expression/
            ? '!' : "?$answer->{error}";
    }

    my @out = ('-') x @values;

    for my $series (@{ $answer->{data}{result} }) {
        my $labels = $series->{metric};

        next if !defined $labels->{o};

        my $o = $labels->{o} =~ s/^<(.*)>$/$1/sr;

        utf8::encode($o);
        $out[$labels->{i}] = '=' . unpack 'H*', $o;
    }

    return join ' ', @out;
}


sub compare {
    my ($ours, $theirs) = @_;

    return 'both refuse' if $ours =~ /^!/ && $theirs =~ /^!/;
    return 'too large' if $ours =~ /too large/;
    return 'not asked' if $theirs =~ /^\?/;
    return 'different: only ours refuses' if $ours =~ /^!/;
    return 'different: only theirs refuses' if $theirs =~ /^!/;
    return 'different' if $ours ne $theirs;
    return $ours =~ /=/ ? 'same matches' : 'no match';
}


# a PromQL string

sub quote {
    my ($s) = @_;

    $s =~ s/([^ !#-\[\]-~])/sprintf '\x%02x', ord $1/ge;
    $s =~ s/\\(?!x[0-9a-f]{2})/\\\\/g;
    return "\"$s\"";
}


sub readable {
    my ($s) = @_;

    $s =~ s/([^ -~])/sprintf '<%02x>', ord $1/ge;
    return $s;
}


sub start_prometheus {
    mkdir $dir or die "$dir: $!\n";
    open my $f, '>', "$dir/empty.yml" or die "$!";
    close $f;

    my $child = fork // die "$!";

    if (!$child) {
        open STDERR, '>', "$dir/log";
        exec 'prometheus', "--config.file=$dir/empty.yml",
            "--storage.tsdb.path=$dir/data",
            "--web.listen-address=127.0.0.1:$port", '--log.level=error';
        exit 127;
    }

    for (1 .. 200) {
        my $res = HTTP::Tiny->new->get("http://127.0.0.1:$port/-/ready");
        return $child if $res->{success};
        sleep 0.1;
    }

    die "prometheus does not start\n";
}
