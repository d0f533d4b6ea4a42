#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Tags of what rarely changes: it is sent once, and again when something has
# been written that changes it.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = serve(Test::Pharos->new, 'pharos_retention 0; pharos_admin on;');

$t->run;
$t->wait_ready;

sub push_group {
    my ($group, $text) = @_;

    return $t->post("/metrics/job/$group", $text)->{status};
}

sub asked {
    my ($path, $tag, %args) = @_;

    return $t->get($path, headers => { 'If-None-Match' => $tag,
                                       %{ $args{headers} || {} } });
}

is(push_group('a', "# HELP one First.\n# TYPE one gauge\none 1\n"), 200,
   'a series');

my $match = 'match[]=' . escape('{job=~".+"}');
my @paths = ("/api/v1/label/job/values?$match", "/api/v1/labels?$match",
             "/api/v1/series?$match", '/api/v1/metadata?metric=one',
             '/api/v1/metadata?metric=two', '/api/v1/status/config',
             '/api/v1/status/flags', '/api/v1/status/buildinfo');
my %tags;

for my $path (@paths) {
    my $res = $t->get($path);

    $tags{$path} = $res->{headers}{etag};
    like($tags{$path}, qr/^"\w+"$/, "$path has a tag");

    $res = asked($path, "\"x\", W/$tags{$path}");
    is($res->{status}, 304, 'who has it is told so');
    is($res->{content} || '', '', 'and sent nothing');
    is($res->{headers}{'content-length'}, undef, 'nor is it said to be 0');
    is(asked($path, '"x"')->{status}, 200, 'another is sent everything');
    is(asked($path, $tags{$path}, headers => { 'Accept-Encoding' => 'gzip' })
       ->{status}, 304, 'compressed or not');
}

# a sample more of what is there changes none of them

is(push_group('a', "# HELP one First.\n# TYPE one gauge\none 2\n"), 200,
   'another sample');
is(asked($_, $tags{$_})->{status}, 304, "$_ is as it was") for @paths;

# a series more does

is(push_group('b', "# HELP two Second.\n# TYPE two gauge\ntwo{x=\"y\"} 2\n"),
   200, 'another series');

for my $path (@paths) {
    my $res = asked($path, $tags{$path});
    my $changes = $path !~ /status|one/;

    is($res->{status}, $changes ? 200 : 304,
       $changes ? "$path has changed" : "$path has not");
}

# and so does one less

my ($values) = grep { /values/ } @paths;
my $tag = asked($values, 'x')->{headers}{etag};

is($t->post('/api/v1/admin/tsdb/delete_series?match[]=two', '')->{status},
   204, 'a series is deleted');
is($t->http('DELETE', '/metrics/job/b')->{status}, 202, 'and its group');
is($t->post('/api/v1/admin/tsdb/delete_series?match[]='
            . escape('{job="b"}'), '')->{status}, 204, 'and what is left');

my $res = asked($values, $tag);
is($res->{status}, 200, 'a value is gone');
is($res->{headers}{etag}, $tags{$values}, 'it is as it was at first');

# errors and forms have none

is($t->get('/api/v1/series')->{headers}{etag}, undef, 'an error has no tag');
is($t->http('POST', "/api/v1/series?$match", content => '',
            headers => { 'If-None-Match' => $tags{"/api/v1/series?$match"} })
   ->{status}, 200,
   'a form is answered');

$t->done;
