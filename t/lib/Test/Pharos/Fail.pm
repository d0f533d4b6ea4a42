package Test::Pharos::Fail;

# Copyright (C) The Pharos Authors
#
# An nginx whose calls fail or hang when files in dir/fail say so, see
# fail.c; skips the whole test where there is no compiler.
#
#   fail_create($t);
#   $t->write_file('fail/join', '');
#   fail_run($t);

use strict;
use warnings;

use Exporter qw(import);
use Test::More;
use Test::Pharos;

our @EXPORT = qw(fail_create fail_run);


sub fail_create {
    my ($t) = @_;

    my $cc = (grep { -x "$_/cc" } split /:/, $ENV{PATH})[0];

    plan(skip_all => 'no compiler') unless $cc;

    is(system("$cc/cc", '-O1', '-shared', '-fPIC', '-o', $t->dir . '/fail.so',
              "$Test::Pharos::root/t/lib/fail.c"), 0, 'calls that fail');

    mkdir $t->dir . '/fail' or die "mkdir: $!";
    chmod 0777, $t->dir . '/fail';

    return $t;
}


sub fail_run {
    my ($t) = @_;

    local $ENV{LD_PRELOAD} = $t->dir . '/fail.so';
    local $ENV{PHAROS_FAIL} = $t->dir . '/fail';

    return $t->run;
}


1;
