#!/usr/bin/perl

# Copyright (C) The Pharos Authors

# The mechanical rules of what is not C: shell, Perl, Lua, TypeScript,
# settings and prose.  t/style.t has those of the sources in C.

use warnings;
use strict;

use File::Basename qw/ dirname /;
use File::Find;
use Test::More;

my $root = dirname(__FILE__) . '/..';
chdir $root or die "chdir $root: $!";

# by kind of file: columns, lines, and whether the copyright must be there

my %rules = (
    sh   => { columns => 80, lines => 400, copyright => 1 },
    perl => { columns => 120, lines => 1200, copyright => 1 },
    lua  => { columns => 80, lines => 1000, copyright => 1 },
    ts   => { columns => 240, lines => 300 },
    js   => { columns => 240, lines => 300 },
    css  => { columns => 200, lines => 800 },
    conf => { columns => 80, lines => 300 },
    yml  => { columns => 80, lines => 300 },
);

my %kind_of = (
    pl => 'perl', pm => 'perl', t => 'perl', lua => 'lua', ts => 'ts',
    mjs => 'js', css => 'css', conf => 'conf', yml => 'yml', yaml => 'yml',
);

my @files;

find({ no_chdir => 1, wanted => sub {
    $File::Find::prune = 1 if m{/(?:node_modules|dist|public)\z};
    push @files, $_ if -f;
} }, grep { -e } qw( bench conf docker html/src lua packaging t .ci ));

for my $file (sort @files) {
    my $text = slurp($file);
    my $kind = kind($file, $text) or next;
    my $rule = $rules{$kind};
    my @lines = split /\n/, $text;
    my ($n, @bad) = (0);

    for my $line (@lines) {
        $n++;
        (my $columns = $line) =~ s/[\x80-\xbf]//g;

        push @bad, "$file:$n: tab" if $line =~ /^ *\t/ && $kind ne 'perl';
        push @bad, "$file:$n: trailing space" if $line =~ /\s\z/;
        push @bad, "$file:$n: longer than $rule->{columns} columns"
            if length $columns > $rule->{columns};
    }

    push @bad, "$file: no newline at the end" if $text !~ /\n\z/;
    push @bad, "$file: blank line at the end" if $text =~ /\n\n\z/;
    push @bad, "$file: $n lines" if $n > $rule->{lines};
    push @bad, "$file: the copyright is missing"
        if $rule->{copyright}
           && $text !~ /^(?:#|--) Copyright \(C\) The Pharos Authors$/m;
    push @bad, "$file: is not executable"
        if $text =~ /\A#!/ && $kind =~ /^(?:sh|perl)\z/ && !-x $file
           && $file !~ /\.(?:t|pl)\z/;
    push @bad, syntax($kind, $file);

    ok(!@bad, "style of $file") or diag(join "\n", splice @bad, 0, 20);
}

done_testing();


sub kind {
    my ($file, $text) = @_;

    return 'sh' if $text =~ m{\A#!/bin/sh};
    return 'lua' if $text =~ /\A#!.*\bluajit/;
    return 'js' if $text =~ /\A#!.*\bnode/;
    return undef if $file =~ m{^t/unit/|^t/promql/};

    my ($ext) = $file =~ /\.(\w+)\z/;

    return defined $ext ? $kind_of{$ext} : undef;
}


sub syntax {
    my ($kind, $file) = @_;

    my %check = (
        sh => "sh -n '$file'",
        perl => "$^X -It/lib -c '$file'",
    );

    return unless $check{$kind};

    my $out = `$check{$kind} 2>&1`;

    return $? ? "$file: $out" : ();
}


sub slurp {
    my ($name) = @_;

    open my $fh, '<', $name or die "$name: $!";
    local $/;

    return scalar <$fh>;
}
