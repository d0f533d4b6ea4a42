#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Real settings files get the verdict of the genuine programs: those that
# promtool and amtool accept load unmodified, those that they refuse are
# refused with file, line and reason, and a running nginx keeps what it has.
#
# PHAROS_CORPUS is a folder with seeds/ and verdicts.json, which lists for
# each file what the genuine program said of it.  Not a part of "make test":
# the files are other people's.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP ();
use Test::More;
use Test::Pharos;

my $corpus = $ENV{PHAROS_CORPUS} || "$FindBin::Bin/../../shared/corpus";
plan(skip_all => "no $corpus/verdicts.json, see PHAROS_CORPUS")
    unless -e "$corpus/verdicts.json";
$corpus = abs_path($corpus);

my $only = $ENV{PHAROS_VERDICTS} || 'seeds/';

# the tool, and the directives that give the file to nginx
my %given = (
    'promtool check config --syntax-only' => \&as_prometheus,
    'promtool check rules' => \&as_rules,
    'amtool check-config' => \&as_alertmanager,
    'amtool template render (parse)' => \&as_template,
);

my $t = Test::Pharos->new;
my (@refused, %n);

open my $f, '<', "$corpus/verdicts.json" or die "verdicts.json: $!";
my $verdicts = JSON::PP::decode_json(do { local $/; <$f> });

for my $v (@$verdicts) {
    my $name = $v->{file};
    next if index($name, $only) != 0;

    for my $check (@{ $v->{checks} }) {
        my $directives = $given{ $check->{tool} } or next;
        my $http = $directives->("$corpus/$name");
        my $accepted = $check->{verdict} eq 'accepted' ? 1 : 0;

        $t->conf($http);
        my ($code, $out) = $t->test_conf;
        my ($emerg) = $out =~ /\[emerg\] (?:\d+#\d+: )?(.*)/;

        $n{ $check->{verdict} }++;

        is($code == 0 ? 1 : 0, $accepted, "$name is $check->{verdict}")
            or diag($accepted ? $out : $check->{says});

        next if $accepted;

        push @refused, [ $name, $http ];
        my ($line) = ($check->{says} || '') =~ /line (\d+)/;
        $line = '\d+' unless defined $line;

        like($emerg, qr/\Q$corpus\/$name\E:$line\b.*\S/,
             '... naming file, line and reason');
        diag($emerg);
    }
}

# what is refused leaves the old configuration running

my $good = "$corpus/seeds/Geriano--loka/monitoring/prometheus/prometheus.yml";

SKIP: {
    skip 'no running nginx without the seeds', 1
        unless -e $good && @refused;

    my $server = 'server { listen 127.0.0.1:%%PORT_0%%;
                           location / { pharos; } }';

    $t->conf(as_prometheus($good) . $server);
    $t->run;
    $t->wait_ready;

    my $before = $t->wait_for(\&config_text, 'a file is in force');
    my @helper = $t->helpers;
    like($before, qr/job_name/, 'the file runs');

    for my $r (@refused) {
        my ($name, $http) = @$r;
        my $emergs = $t->log_count(qr/\[emerg\]/);

        $t->conf($http . $server);
        $t->signal('HUP');

        ok($t->poll(sub { $t->log_count(qr/\[emerg\]/) > $emergs }),
           "a reload with $name is refused");
        is($t->get('/-/ready')->{status}, 200, '... nginx serves on');
        ok(config_text() eq $before, '... with the old file');
        is_deeply([ $t->helpers ], \@helper, '... and the same helper');
    }
}

diag(join ', ', map { "$n{$_} $_" } sort keys %n);

$t->allow(qr/\[emerg\]/);
$t->done;


sub config_text { return $t->json('/api/v1/status/config')->{data}{yaml} }


# the folder of the file is what its container paths mean

sub as_prometheus {
    my ($file) = @_;

    return "pharos_prometheus $file;\npharos_lua $Test::Pharos::root/lua;\n"
        . "pharos_path_map /etc/prometheus/ " . dirname($file) . "/;\n";
}


sub as_rules {
    my ($file) = @_;

    return as_prometheus($t->write_file('prometheus.yml',
                                        "rule_files:\n  - $file\n"));
}


sub as_alertmanager {
    my ($file) = @_;

    return "pharos_alertmanager $file;\npharos_lua $Test::Pharos::root/lua;\n"
        . "pharos_path_map /etc/alertmanager/ " . dirname($file) . "/;\n";
}


sub as_template {
    my ($file) = @_;

    return as_alertmanager($t->write_file('alertmanager.yml', <<"END"));
route: { receiver: r }
receivers: [{ name: r }]
templates: ['$file']
END
}
