#!/usr/bin/perl

# Copyright (C) The Pharos Authors

# The mechanical rules of the sources: layout, include direction, sizes and
# names.  What a formatter or a reader has to judge is not tested here.

use warnings;
use strict;

use File::Basename qw/ dirname basename /;
use File::Find;
use Test::More;

my $root = dirname(__FILE__) . '/..';
chdir $root or die "chdir $root: $!";

# which folders a folder may include, beside itself

my %below = (
    core     => [],
    settings => [qw/ core /],
    store    => [qw/ core /],
    promql   => [qw/ core /],
    host     => [qw/ core /],
    ingest   => [qw/ core settings host /],
    boards   => [qw/ core /],
    errors   => [qw/ core store /],
    rules    => [qw/ core settings promql /],
    notify   => [qw/ core settings rules /],
    script   => [qw/ core rules notify /],
    api      => [qw/ core settings store promql host ingest boards errors
                     rules notify /],
    tool     => [qw/ core settings store promql ingest /],
);

# headers of libraries, and the one file (or folder) that may include each

my %library = (
    'lmdb.h'    => 'src/store/env_impl.h',
    'yaml.h'    => 'src/settings/yaml.c',
    'jansson.h' => 'src/core/json.c',
    'zstd.h'    => 'src/core/pack',
    'zlib.h'    => 'src/core/pack',
    'snappy-c.h'   => 'src/core/pack.c',
    'curl/curl.h'  => 'src/ngx/ngx_http_pharos_transfer.h',
    'lua.h'     => 'src/script/',
    'lauxlib.h' => 'src/script/',
    'lualib.h'  => 'src/script/',
    'luajit.h'  => 'src/script/',
);

# what a build makes

my %made = map { $_ => 1 } qw(core/regex_category.h core/regex_script.h);

my @files;

find({ no_chdir => 1, wanted => sub { push @files, $_ if /\.[ch]\z/ } },
     'src');
push @files, glob 't/unit/*.[ch]';

my $config = -e 'config' ? slurp('config') : undef;

for my $file (sort @files) {
    my @bad = check($file);

    ok(!@bad, "style of $file") or diag(join "\n", splice @bad, 0, 20);
}

done_testing();


sub check {
    my ($file) = @_;

    my $text = slurp($file);
    my @lines = split /\n/, $text, -1;
    my @bad = (layout($file, @lines), includes($file, @lines));

    pop @lines if $lines[-1] eq '';

    push @bad, "$file: does not begin with the copyright"
        if $text !~ m{\A/\*\n \* Copyright \(C\) The Pharos Authors\n};
    push @bad, "$file: no newline at the end" if $text !~ /\n\z/;
    push @bad, "$file: blank line at the end" if $text =~ /\n\n\z/;
    push @bad, "$file: " . @lines . " lines" if @lines > 1200;
    push @bad, functions($file, @lines);

    if ($file =~ m{^src/.*\.h\z} && $file !~ /_list\.h\z/) {
        my $guard = uc basename($file);
        $guard =~ s/\W/_/g;
        $guard = $file =~ m{^src/ngx/} ? "${guard}_INCLUDED"
                                       : "PHR_${guard}_INCLUDED";

        push @bad, "$file: the include guard is not $guard"
            if $text !~ /^#ifndef $guard\n#define $guard$/m;
    }

    # the command line program is no part of the module

    if ($file =~ m{^src/(?!tool/)\w+/\w+\.c\z} && defined $config) {
        push @bad, "$file: is not listed in config"
            if index($config, basename($file)) < 0;
    }

    return @bad;
}


sub layout {
    my ($file, @lines) = @_;
    my ($n, $comment, @bad) = (0, 0);

    for my $line (@lines) {
        $n++;

        push @bad, "$file:$n: tab" if $line =~ /\t/;
        push @bad, "$file:$n: trailing space" if $line =~ /\s\z/;

        # columns are characters, not bytes
        (my $columns = $line) =~ s/[\x80-\xbf]//g;
        push @bad, "$file:$n: longer than 80 columns"
            if length $columns > 80;

        (my $code = $line) =~ s/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/""/g;

        if ($comment) {
            next if $code !~ s{^.*?\*/}{};
            $comment = 0;
        }

        $code =~ s{/\*.*?\*/}{}g;
        $comment = 1 if $code =~ s{/\*.*}{};

        push @bad, "$file:$n: // comment" if $code =~ m{//};
        push @bad, "$file:$n: ngx_ outside src/ngx"
            if $code =~ /\bngx_/ && $file !~ m{^src/ngx/};
    }

    return @bad;
}


sub includes {
    my ($file, @lines) = @_;
    my ($folder) = $file =~ m{^src/(\w+)/};
    my ($n, $first, @bad) = (0, undef);

    for my $line (@lines) {
        $n++;

        next if $line !~ /^\s*#\s*include\s+([<"])([^>"]+)[>"]/;
        my ($quote, $name) = ($1, $2);

        $first = $name if !defined $first;

        my $owner = $library{$name};

        push @bad, "$file:$n: $name may only be included by $owner"
            if $quote eq '<' && defined $owner && defined $folder
               && index($file, $owner) != 0;

        next if $quote eq '<' || !defined $folder || $folder eq 'ngx';

        my ($target) = $name =~ m{^(\w+)/};

        if (!defined $target) {
            push @bad, "$file:$n: \"$name\" is not written from src/";

        } elsif ($target ne $folder
                 && !grep { $_ eq $target } @{ $below{$folder} || [] })
        {
            push @bad, "$file:$n: $folder may not include $name";

        } elsif (!-e "src/$name" && !$made{$name}) {
            push @bad, "$file:$n: there is no src/$name";
        }
    }

    if (defined $folder && $folder ne 'ngx' && $file =~ /^src\/(.*)\.c\z/) {
        my $own = "$1.h";

        push @bad, "$file: does not include $own first"
            if -e "src/$own" && (!defined $first || $first ne $own);
    }

    return @bad;
}


# a function is what begins with "{" and ends with "}" in the first column

sub functions {
    my ($file, @lines) = @_;
    my ($n, $start, @bad) = (0, 0);

    for my $line (@lines) {
        $n++;

        $start = $n if $line eq '{';

        next if $line ne '}' || !$start;

        my $name = name_of($start - 2, @lines);

        # a table of cases may be as long as its cases are many

        push @bad, "$file:$start: $name() has " . ($n - $start - 1) . " lines"
            if $n - $start - 1 > ($file =~ m{^t/unit/} ? 150 : 100);

        push @bad, "$file:$start: $name() is neither static nor phr_"
            if $file =~ m{^src/(?!ngx/)} && $name !~ /^phr_|^main\z/
               && !static_at($start - 2, @lines);

        $start = 0;
    }

    return @bad;
}


sub name_of {
    my ($i, @lines) = @_;

    for ( ; $i >= 0; $i--) {
        return $1 if $lines[$i] =~ /^(\w+)\(/;
        last if $lines[$i] eq '';
    }

    return '?';
}


sub static_at {
    my ($i, @lines) = @_;

    for ( ; $i >= 0 && $lines[$i] ne ''; $i--) {
        return 1 if $lines[$i] =~ /^static\b/;
    }

    return 0;
}


sub slurp {
    my ($name) = @_;

    open my $fh, '<', $name or die "$name: $!";
    local $/;

    return scalar <$fh>;
}
