package Test::Pharos::Full;

# Copyright (C) The Pharos Authors
#
# What tests of a full disk and of a full map share: pushes of ever new
# series, and whether those that were acknowledged are there.

use strict;
use warnings;

use Exporter qw(import);
use Test::More;
use Test::Pharos::Api;

our @EXPORT = qw(fill push_of taken acknowledged);


# pushes new series until count are acknowledged, or the first refusal
sub fill {
    my ($t, $count, $till) = @_;

    my @acked;

    for my $i (1 .. $count) {
        my $res = push_of($t, "fill-$i");

        if ($res->{status} != 200) {
            is($res->{status}, 503, 'refused');
            last if $till;
        } else {
            push @acked, "fill-$i";
        }
    }

    return \@acked;
}


sub push_of {
    my ($t, $job) = @_;

    my $body = join '', map { "filled{a=\"$_\",b=\"" . ('x' x 400) . "$_\"} "
                              . "$_\n" } 1 .. 100;

    return $t->http('PUT', "/metrics/job/$job", content => "beat 1\n$body");
}


sub taken {
    my ($t, $job) = @_;

    ok($t->poll(sub { push_of($t, $job)->{status} == 200 }, 20),
       'pushes are taken again');
}


sub acknowledged {
    my ($t, $acked) = @_;

    my $there = instant($t,
        'sum by (job) (last_over_time(filled[1h]))') || {};
    my @lost = grep { ($there->{"{job=\"$_\"}"} || 0) != 5_050 } @$acked;

    is(scalar @lost, 0, 'all of ' . @$acked . ' acknowledged pushes are there')
        or diag("@lost");
}


1;
