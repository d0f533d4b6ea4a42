#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Dashboards of a folder: listed and given out as Grafana's HTTP API does,
# and looked at again while nginx runs: a file more, another text, a broken
# one, one less.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use JSON::PP ();
use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;

my $node = <<'END';
{
  "uid": "node",  "title": "Node, the machine",
  "tags": ["linux", "host"], "schemaVersion": 39, "version": 7,
  "panels": [ { "id": 1, "title": "CPU", "x": 1.50 } ],
  "templating": { "list": [] }
}
END

$t->write_file('boards/node.json', $node);
$t->write_file('boards/app/wrapped.json',
    '{ "folderId": 0, "dashboard": {"title":"App (wrapped)","id":null,'
    . '"tags":["app"]}, "overwrite": true }');
$t->write_file('boards/app/deep/er/edge.json',
               '{"title":"edge","uid":"edge","tags":["linux"]}');
$t->write_file('boards/twice.json', '{"title":"Twice","uid":"node"}');
$t->write_file('boards/bad.json', "{\n  \"title\": \"Bad\",\n");
$t->write_file('boards/.hidden.json', '{"title":"hidden"}');
$t->write_file('boards/..data/x.json', '{"title":"hidden"}');
$t->write_file('boards/readme.txt', 'nothing');

serve($t, <<'END')->run;
    pharos_dashboards boards/;

    server {
        listen 127.0.0.1:%%PORT_1%%;

        location /sub/ { pharos; }
    }
END
$t->wait_ready;


sub titles {
    my ($query) = @_;

    my $found = $t->json("/api/search?$query");

    return join ';', map { $_->{title} } @{ $found || [] };
}


sub wait_titles {
    my ($wanted, $name) = @_;

    my $last;
    my $ok = $t->poll(sub { ($last = titles('type=dash-db')) eq $wanted });

    ok($ok, $name) or diag("there are $last");

    return;
}


sub logged {
    my ($re) = @_;

    my @found = $t->read_file('error.log') =~ /$re/g;

    return scalar @found;
}


wait_titles('App (wrapped);edge;Node, the machine',
            'a folder with folders is read, but for what is broken');

# the list

my ($hit) = grep { $_->{uid} eq 'node' }
            @{ $t->json('/api/search?type=dash-db') };

cmp_ok(delete $hit->{id}, '>', 0, 'a number stands for the uid');
is_deeply($hit, {
    uid => 'node', orgId => 1, title => 'Node, the machine',
    url => '/d/node/node-the-machine', type => 'dash-db',
    tags => [ 'linux', 'host' ], isStarred => JSON::PP::false(),
}, 'a hit of the list');

my ($wrapped) = @{ $t->json('/api/search?query=wrapped') };
my $folder = $wrapped->{folderUid};

like($wrapped->{uid}, qr/^[0-9a-f]{16}$/, 'a uid is made where none is');
is($wrapped->{folderTitle}, 'app', 'the sub-folder is the folder');
is($wrapped->{folderUrl}, "/dashboards/f/$folder/app", 'with its address');

is(titles('query=EDGE'), 'edge', 'part of a title in any case');
is(titles('tag=linux'), 'edge;Node, the machine', 'by tag');
is(titles('tag=linux&tag=host'), 'Node, the machine', 'all tags');
is(titles('tag=none'), '', 'no such tag');
is(titles('type=dash-folder'), 'app;er', 'folders');
is(titles(''), 'app;er;App (wrapped);edge;Node, the machine',
   'folders and dashboards');
is(titles('type=dash-db&limit=2'), 'App (wrapped);edge', 'a limit');
is(titles('type=dash-db&limit=2&page=2'), 'Node, the machine',
   'the page after it');
is(titles('type=dash-db&limit=many'), 'App (wrapped);edge;Node, the machine',
   'a limit that is no number is none');
is(titles("folderUIDs=$folder"), 'App (wrapped)', 'those of a folder');
is(titles('folderUIDs=general'), 'Node, the machine', 'those of no folder');
is(titles('dashboardUIDs=edge&dashboardUIDs=node'), 'edge;Node, the machine',
   'those that are named');
is(titles('starred=true'), '', 'none has a star');
is($t->get('/api/search/?query=edge')->{status}, 200,
   'the address that the manual has');
is($t->post('/api/search', '')->{status}, 405, 'a list is not posted');

my $res = $t->json('/sub/api/search?query=edge', port => 1);
is($res->[0]{url}, '/sub/d/edge/edge', 'addresses begin with a prefix');

# one of them

$res = $t->get('/api/dashboards/uid/node');
(my $text = $node) =~ s/\n\z//;

is($res->{status}, 200, 'a dashboard by uid');
is($res->{headers}{'content-type'}, 'application/json', 'is JSON');
cmp_ok(index($res->{content}, $text), '>', 0, 'its text is that of the file');

my $board = JSON::PP::decode_json($res->{content});

is($board->{dashboard}{panels}[0]{title}, 'CPU', 'with its panels');
is($board->{meta}{slug}, 'node-the-machine', 'meta: slug');
is($board->{meta}{url}, '/d/node/node-the-machine', 'meta: url');
is($board->{meta}{version}, 7, 'meta: version');
is($board->{meta}{folderTitle}, 'General', 'meta: folder');
ok(!$board->{meta}{canSave}, 'meta: files are not to be saved');

$board = $t->json("/api/dashboards/uid/$wrapped->{uid}");

is($board->{dashboard}{title}, 'App (wrapped)', 'a wrapped one is unwrapped');
is($board->{dashboard}{uid}, $wrapped->{uid}, 'and says its uid');
ok(!exists $board->{dashboard}{overwrite}, 'what was around it is gone');
is($board->{meta}{folderUid}, $folder, 'meta: folder of one in a folder');

$res = $t->get('/api/dashboards/uid/none');
is($res->{status}, 404, 'no such dashboard');
is(JSON::PP::decode_json($res->{content})->{message}, 'Dashboard not found',
   'said as Grafana does');

# conditional requests

for my $path ('/api/search', '/api/dashboards/uid/node', '/api/datasources',
              '/api/dashboards/home')
{
    my $tag = $t->get($path)->{headers}{etag};

    like($tag, qr/^"\w+"$/, "$path has a tag");

    $res = $t->get($path, headers => { 'If-None-Match' => $tag });
    is($res->{status}, 304, "$path has not changed");
    is($res->{content} || '', '', 'and is not sent again');

    $res = $t->get($path, headers => { 'If-None-Match' => "\"x\", W/$tag" });
    is($res->{status}, 304, 'one of a list, and weak');

    $res = $t->get($path, headers => { 'If-None-Match' => '"x"' });
    is($res->{status}, 200, 'another tag');
}

# what else clients ask for

my $sources = $t->json('/api/datasources');

is(@$sources, 1, 'one data source');
is($sources->[0]{type}, 'prometheus', 'which is a Prometheus');
is($sources->[0]{url}, '/', 'at this address');
ok($sources->[0]{isDefault}, 'and the default');

$board = $t->json('/api/dashboards/home');
ok($board->{meta}{isHome}, 'a home');
is(ref $board->{dashboard}{panels}, 'ARRAY', 'that is a dashboard');

is(api($t, 'status/flags')->{data}{pharos_dashboards}, $t->dir . '/boards/',
   'the folder is among the flags');

# what was wrong at the start has been said, once

is(logged(qr{boards/bad\.json:3:\d+: }), 1,
   'the broken file is named with its line');
is(logged(qr{uid "node" is that of}), 1, 'so is a uid that is there twice')
    or diag($t->read_file('error.log'));

# a file more, another text, a broken one, one less

$t->write_file('boards/new/fresh.json', '{"title":"Fresh","uid":"fresh"}');
wait_titles('App (wrapped);edge;Fresh;Node, the machine', 'a file was added');

my $old = $t->get('/api/dashboards/uid/fresh')->{headers}{etag};

$t->write_file('boards/new/fresh.json', '{"title":"A fresh","uid":"fresh"}');
wait_titles('A fresh;App (wrapped);edge;Node, the machine',
            'a file was changed');
is($t->get('/api/dashboards/uid/fresh',
           headers => { 'If-None-Match' => $old })->{status}, 200,
   'its old tag is no longer good');

$t->write_file('boards/new/fresh.json', '{"title":"B fresh",');
$t->write_file('boards/bad.json', '{"title":"Good","uid":"good"}');
wait_titles('A fresh;App (wrapped);edge;Good;Node, the machine',
            'one was mended; one was broken, and stays as it was');
ok($t->poll(sub { logged(qr{boards/new/fresh\.json:1:\d+: }) == 1 }),
   'what is wrong has been said');
is(logged(qr{bad\.json" can be read again}), 1,
   'that one has been mended, too');

unlink $t->dir . '/boards/new/fresh.json';
wait_titles('App (wrapped);edge;Good;Node, the machine',
            'a file was removed');
is($t->get('/api/dashboards/uid/fresh')->{status}, 404, 'it is gone');

unlink $t->dir . '/boards/node.json';
wait_titles('App (wrapped);edge;Good;Twice',
            'the other file of a uid takes its place');

# a folder that cannot be looked at takes nothing away

rename $t->dir . '/boards', $t->dir . '/away';
ok($t->poll(sub { logged(qr{opendir\(\) "[^"]*/boards" failed}) }),
   'the folder is missed');
is(titles('type=dash-db'), 'App (wrapped);edge;Good;Twice',
   'its dashboards stay');
rename $t->dir . '/away', $t->dir . '/boards';
ok($t->poll(sub { logged(qr{boards" succeeds again}) }), 'the folder is back');
is(logged(qr{looking for dashboards failed}), 1, 'it was missed once');

# a new configuration, a new helper

$t->reload;
$t->wait_ready;
wait_titles('App (wrapped);edge;Good;Twice', 'all are there after a reload');

$t->done;
