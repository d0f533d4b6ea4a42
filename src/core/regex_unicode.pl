#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Writes the tables of src/core/regex_unicode.c from what Perl knows of
# Unicode: the general category and the script of each character, and simple
# case folding.
#
#     perl src/core/regex_unicode.pl build/gen/core
#
# makes regex_category.h and regex_script.h there, as each build does.

use strict;
use warnings;

use Unicode::UCD qw/ prop_invmap prop_value_aliases /;

my $dir = shift or die "usage: $0 directory\n";
my $version = Unicode::UCD::UnicodeVersion();

table('category', 'General_Category', <<"TEXT", sub { short('gc', shift) });
 * Regex, a table: the general category of each character, and simple case
 * folding, of Unicode $version.  regex_unicode.pl wrote it.
TEXT

table('script', 'Script', <<"TEXT", sub { shift });
 * Regex, a table: the script of each character, of Unicode $version.
 * regex_unicode.pl wrote it.
TEXT


sub table {
    my ($what, $property, $comment, $name) = @_;

    my ($starts, $values) = prop_invmap($property);
    my @names = map { $name->($_) } @$values;
    my %seen = map { $_ => 1 } @names;
    my @sorted = sort keys %seen;
    my %index = map { $sorted[$_] => $_ } 0 .. $#sorted;
    my $guard = 'PHR_REGEX_' . uc($what) . '_H_INCLUDED';

    my @entries;
    my $last = '';

    for my $i (0 .. $#$starts) {
        next if $names[$i] eq $last || $starts->[$i] > 0x10ffff;
        $last = $names[$i];
        push @entries, sprintf '0x%x', $starts->[$i] << 8 | $index{$last};
    }

    open my $f, '>', "$dir/regex_$what.h" or die "$dir: $!\n";

    print $f "/*\n * Copyright (C) The Pharos Authors\n *\n$comment */\n\n",
        "#ifndef $guard\n#define $guard\n\n\n",
        "static const char *const  phr_regex_${what}_names[] = {\n",
        wrap(map { "\"$_\"" } @sorted), "};\n\n",
        "/* where each run begins, and in the lowest byte what it is */\n\n",
        "static const uint32_t  phr_regex_${what}_runs[] = {\n",
        wrap(@entries), "};\n\n";

    print $f folding() if $what eq 'category';

    print $f "\n#endif /* $guard */\n";
    close $f or die "$dir: $!\n";
}


# runs of characters whose folded form is as far away, each or every second

sub folding {
    my ($starts, $values) = prop_invmap('Simple_Case_Folding');
    my @pairs;

    for my $i (0 .. $#$starts) {
        next if !$values->[$i];

        for my $c ($starts->[$i] .. $starts->[$i + 1] - 1) {
            push @pairs, [ $c, $values->[$i] + $c - $starts->[$i] ];
        }
    }

    my @runs;

    for my $p (@pairs) {
        my ($c, $delta) = ($p->[0], $p->[1] - $p->[0]);
        my $run = $runs[-1];

        if ($run && $run->[2] == $delta
            && ($c - $run->[1] == $run->[3]
                || $run->[0] == $run->[1] && $c - $run->[1] <= 2))
        {
            $run->[3] = $c - $run->[1];
            $run->[1] = $c;
            next;
        }

        push @runs, [ $c, $c, $delta, 1 ];
    }

    return "/* first, last, how far away the folded one is, step */\n\n"
        . "static const phr_regex_folding_t  phr_regex_foldings[] = {\n"
        . wrap(map { sprintf '{ 0x%x, 0x%x, %d, %d }', @$_ } @runs)
        . "};\n\n";
}


sub short {
    my ($property, $long) = @_;

    my @names = prop_value_aliases($property, $long);
    return $names[0];
}


sub wrap {
    my $out = '';
    my $line = '   ';

    for my $item (@_) {
        if (length("$line $item,") > 78) {
            $out .= "$line\n";
            $line = '   ';
        }

        $line .= " $item,";
    }

    return "$out$line\n";
}
