#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# The rules of retention: what is refused, and what the flags show.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
$t->allow(qr{pharos_retention_for|invalid selector});

refused(q(), qr/invalid number of arguments/, 'no argument');
refused(q(3d), qr/invalid number of arguments/, 'no selector');
refused(q(3x '{env="dev"}'), qr/has an invalid time/, 'another unit');
refused(q(-1 '{env="dev"}'), qr/has an invalid time/, 'a negative time');
refused(q(3d '{env="dev"'), qr/invalid selector.*unexpected end/,
        'half a selector');
refused(q[3d '{env=~"("}'], qr/invalid selector.*missing closing \)/,
        'a regex that is none');
refused(q(3d 'rate(a[5m])'), qr/invalid selector/, 'more than a selector');
refused(q(3d '{a="1"}') . q(; pharos_retention_for 3d '{a="1"}') x 32,
        qr/is given too often/, 'too many');

serve($t, q(pharos_retention_for 30d '{env="dev",team=~"a|b"}';)
          . q( pharos_retention_for 3d '{env="dev"}';)
          . q( pharos_retention_for 0 audit;));
$t->run;
$t->wait_ready;

is(api($t, 'status/flags')->{data}{pharos_retention_for},
   q(30d {env="dev",team=~"a|b"}, 3d {env="dev"}, 0 audit),
   'the flags show all, in order');
$t->reload;
$t->wait_ready;
is($t->get('/-/healthy')->{status}, 200, 'it lives after a reload');

$t->done;


sub refused {
    my ($args, $reason, $name) = @_;

    serve($t, "pharos_retention_for $args;");
    my ($code, $out) = $t->test_conf;

    isnt($code, 0, "$name is refused");
    like($out, $reason, 'with a reason');
}
