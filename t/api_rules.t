#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Which rules are listed, in which order, and page by page.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;

$t->write_file('prometheus.yml', "rule_files: [ b.yml, a.yml ]\n");
$t->write_file('a.yml', <<'END');
groups:
- name: two
  rules:
  - { record: r:a2, expr: 1, labels: { team: x } }
- name: one
  rules:
  - { record: r:a1, expr: 1 }
  - { alert: A1, expr: vector(1) < 0, labels: { team: x } }
END
$t->write_file('b.yml', <<'END');
groups:
- name: one
  rules:
  - { alert: B1, expr: vector(1) < 0, labels: { team: y } }
- name: three
  rules:
  - { record: r:b3, expr: 1, labels: { team: y } }
END

serve($t)->run;
$t->wait_ready;
$t->wait_for(sub { @{ api($t, 'rules')->{data}{groups} } }, 'rules are read');

# all, by file and name

my @all = ('a/one:r:a1,A1', 'a/two:r:a2', 'b/one:B1', 'b/three:r:b3');
my $dir = api($t, 'rules')->{data}{groups}[0]{file};

$dir =~ s{[^/]*$}{};

is_deeply(listed(), [ @all, undef ], 'all groups, in order');

# what is asked for in several ways must be all of it

for ([ [ @all[0, 2] ], 'rule_group[]' => 'one' ],
     [ [ $all[2] ], 'rule_group[]' => 'one', 'file[]' => "${dir}b.yml" ],
     [ [ 'a/one:A1' ], 'rule_group[]' => 'one', 'rule_name[]' => 'A1' ],
     [ [ 'a/one:A1', 'b/one:B1' ], type => 'alert' ],
     [ [ 'a/one:A1' ], type => 'alert', 'match[]' => '{team="x"}' ],
     [ [ 'a/one:A1', 'a/two:r:a2', 'b/three:r:b3' ],
       'match[]' => [ '{team="x"}', '{team="y"}' ],
       'rule_name[]' => [ 'A1', 'r:a2', 'r:b3', 'r:a1' ] ],
     [ [], 'rule_group[]' => 'one', 'rule_name[]' => 'r:b3' ])
{
    my ($want, @params) = @$_;

    my $what = join ' ', @params[grep { $_ % 2 == 0 } 0 .. $#params];

    is_deeply(listed(@params), [ @$want, undef ], "by $what");
}

# page by page: each begins with what the one before named

for ([ 1, [] ], [ 2, [] ], [ 3, [] ], [ 4, [] ], [ 9, [] ],
     [ 1, [ type => 'alert' ] ], [ 1, [ 'rule_group[]' => 'one' ] ],
     [ 2, [ 'match[]' => '{team=~".+"}' ] ])
{
    my ($limit, $params) = @$_;
    my ($whole, @pages, @sizes) = listed(@$params);
    my @token;
    my $what = join ' ', "$limit at a time", @$params;

    pop @$whole;

    while (@sizes < 9) {
        my $page = listed(@$params, group_limit => $limit, @token);
        my $next = pop @$page;

        push @pages, @$page;
        push @sizes, scalar @$page;
        last unless defined $next;
        @token = (group_next_token => $next);
    }

    is_deeply(\@pages, $whole, $what);
    is(scalar(grep { $_ != $limit } @sizes[0 .. $#sizes - 1]), 0,
       "$what: full pages");
    ok($sizes[-1] > 0 && $sizes[-1] <= $limit, "$what: none in vain");
}

# what is wrong

my $bad = 'invalid parameter "group_limit": ';
my $number = "${bad}group_limit needs to be a valid number: strconv.ParseInt: ";

for ([ "${number}parsing \"x\": invalid syntax", group_limit => 'x' ],
     [ "${number}parsing \"2147483648\": value out of range",
       group_limit => '2147483648' ],
     [ "${bad}group_limit needs to be greater than 0", group_limit => 0 ],
     [ "${bad}group_limit needs to be greater than 0", group_limit => -1 ],
     [ 'invalid parameter "group_next_token": group_limit needs to be present '
       . 'in order to paginate over the groups', group_next_token => 'x' ],
     [ 'invalid parameter "group_next_token": invalid group_next_token \'x\'. '
       . 'were rule groups changed?',
       group_limit => 1, group_next_token => 'x' ])
{
    my ($error, %params) = @$_;
    my $j = api($t, 'rules', %params);
    my $what = join ' ', %params;

    is_deeply([ @$j{qw(http errorType error)} ], [ 400, 'bad_data', $error ],
              $what);
}

is(listed(group_limit => '', group_next_token => '')->[3], $all[3],
   'empty ones are none');

$t->done;


# file/group:rule,rule ... and the token
sub listed {
    my $data = api($t, 'rules', @_)->{data};

    return [ (map {
        my ($file) = $_->{file} =~ m{([^/]*)\.yml$};
        "$file/$_->{name}:" . join ',', map { $_->{name} } @{ $_->{rules} };
    } @{ $data->{groups} }), $data->{groupNextToken} ];
}
