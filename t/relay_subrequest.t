#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# What pharos answers may be a part of a page: it does not end the page.  And
# it may be asked instead of, or before, what a client wants.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;

my $t = Test::Pharos->new;

$t->write_file('html/page.html',
               'begin[<!--#include virtual="/-/healthy" -->]end');

$t->write_file('html/asked/page', 'page');

$t->conf(<<'END')->run;
    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / { pharos; }
        location = /page.html { ssi on; root %%DIR%%/html; }

        location /asked/ {
            auth_request /-/healthy;
            root %%DIR%%/html;
        }

        location = /small {
            client_max_body_size 10;
            error_page 413 =413 /-/healthy;
            pharos;
        }
    }
END

$t->wait_ready;

like(page(), qr/^begin\[Pharos is Healthy\.\n\]end$/, 'an answer in a page');

# with no socket a worker says by itself that nobody answers

my $socket = $t->dir . '/s/pharos.sock';

rename $socket, "$socket.away" or die "rename: $!";
is($t->get('/-/healthy')->{status}, 503, 'nobody answers');
like(page(), qr/^begin\[\{.*does not answer"\}\]end$/, 'which is in the page');
rename "$socket.away", $socket or die "rename: $!";

like(page(), qr/^begin\[Pharos is Healthy\.\n\]end$/, 'as before');

# a body that nobody reads for it is not waited for

is($t->get('/asked/page')->{content}, 'page', 'a subrequest');
is($t->post('/asked/page', 'body')->{status}, 405,
   'a subrequest of what has a body');

my $res = $t->post('/small', 'x' x 2_000_000);

is($res->{status}, 413, 'instead of what is too large');
is($res->{content}, "Pharos is Healthy.\n", 'it is asked');

$t->done;


# twice over one connection: what is behind the end would be the next answer
sub page {
    my $client = HTTP::Tiny->new(timeout => 10, keep_alive => 1);
    my $url = 'http://127.0.0.1:' . $t->port . '/page.html';
    my @pages = map { $client->get($url)->{content} } 1, 2;

    is($pages[1], $pages[0], 'the next answer is the same');

    return $pages[0];
}
