#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# nginx takes the files of conf/ and docker/ and the examples of README.md,
# the genuine programs take the sample settings, and README.md explains every
# directive that there is and no other.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Copy qw(copy);
use File::Path qw(make_path);
use Test::More;
use Test::Pharos;

my $t = Test::Pharos->new;
my $root = $Test::Pharos::root;
my $dir = $t->dir;

# a folder as /etc/nginx is, with what the files name

copy_tree("$root/conf", "$dir/pharos");
# "logs" is where an nginx that was not configured otherwise has its logs
make_path("$dir/run", "$dir/logs");
$t->write_file('pharos/htpasswd', "admin:{PLAIN}secret\n");
is(system('openssl req -x509 -newkey rsa:2048 -nodes -days 2 '
          . "-subj /CN=localhost -keyout $dir/pharos/tls.key "
          . "-out $dir/pharos/tls.crt 2>/dev/null"), 0, 'a certificate');
copy("$dir/pharos/$_", "$dir/run/$_") for qw(tls.key tls.crt htpasswd);

my $http = <<'END';
pharos_prometheus    pharos/prometheus.yml;
pharos_alertmanager  pharos/alertmanager.yml;
END
my $tls = <<'END';
listen 8443 ssl;
ssl_certificate      pharos/tls.crt;
ssl_certificate_key  pharos/tls.key;
END

# the place in a file of nginx where each of ours belongs

accepted('conf/nginx.conf', slurp("$root/conf/nginx.conf"),
         'pharos/nginx.conf');
accepted('conf/pharos.conf',
         whole($http . server('include pharos/pharos.conf;')));
accepted('conf/portal.conf', whole("${http}include portal_of_test.conf;\n"));
accepted('docker/nginx.conf', slurp("$root/docker/nginx.conf"));

my $readme = slurp("$root/README.md");
my $n = 0;

while ($readme =~ /^```nginx\n(.*?)^```/msg) {
    my $text = $1;
    my $where = $text =~ /^http \{/m ? $text
        : $text =~ /^(?:server \{|pharos_store)/m ? whole($text, $text)
        : whole($http . server($text));

    $n++;
    accepted("example $n of README.md",
             $text =~ /^http \{/m ? main_part() . $where : $where);
}

cmp_ok($n, '>', 2, 'README.md has examples');

# README.md and the table of directives

my $module = slurp("$root/src/ngx/ngx_http_pharos_module.c");
my %there = map { $_ => 1 } grep { $_ ne 'pharos_internal' }
            $module =~ /ngx_string\("(pharos\w*)"\)/g;
my %told = map { $_ => 1 } $readme =~ /^#### (pharos\w*)$/mg;

is_deeply([ sort keys %told ], [ sort keys %there ],
          'README.md has all directives');

# the settings of other programs

genuine('promtool', 'check', 'config', "$root/conf/prometheus.yml");
genuine('promtool', 'check', 'rules', glob "$root/conf/rules/*.yml");
genuine('amtool', 'check-config', "$root/conf/alertmanager.yml");

$t->done;


sub accepted {
    my ($name, $text, $file) = @_;

    $file ||= 'nginx.conf';
    write_own($file, $text);
    write_own('portal_of_test.conf', slurp("$root/conf/portal.conf"));

    my $path = "$dir/$file";
    my $out = `$t->{nginx} -t -p $dir -c $path -e $dir/error.log 2>&1`;

    is($?, 0, "$name is accepted") or diag($out);
}


# with paths, ports and users of the test in place of real ones
sub write_own {
    my ($file, $text) = @_;

    $text =~ s{modules/ngx_http_pharos_module\.so}{$t->{module}};
    $text =~ s!^http \{!http { pharos_lua $root/lua;!m
        unless $text =~ /^\s*pharos_lua/m;
    $text =~ s{^user\s.*}{}m;
    $text =~ s{(?:/run/nginx|/run/pharos/nginx)\.pid}{$dir/nginx.pid};
    $text =~ s{^error_log .*}{}m;
    $text =~ s{/var/lib/pharos(?=/(?:tls|htpasswd))}{$dir/run}g;
    $text =~ s{/var/lib/pharos(?:/store)?}{$dir/run/s}g;
    $text =~ s{/run/pharos}{$dir/run}g;
    $text =~ s{listen(\s+)(127\.0\.0\.1:)?(\d+)}
              {"listen$1" . ($2 || '') . $t->port($3)}ge;

    $t->write_file($file, $text);
}


sub main_part {
    return "load_module modules/ngx_http_pharos_module.so;\n"
        . "pid /run/nginx.pid;\nevents { }\n";
}


# text of the http block; a store unless the text has one
sub whole {
    my ($text) = @_;

    $text = "pharos_store /var/lib/pharos;\n$text"
        unless $text =~ /^\s*pharos_store/m;

    return main_part() . "http {\n$text}\n";
}


sub server {
    my ($text) = @_;

    return "server {\n$tls$text\n}\n";
}


sub genuine {
    my ($program, @args) = @_;

    SKIP: {
        skip "no $program", 1
            unless grep { -x "$_/$program" } split /:/, $ENV{PATH};

        my $out = `$program @args 2>&1`;
        is($?, 0, "$program @args[0 .. $#args - 1]") or diag($out);
    }
}


sub copy_tree {
    my ($from, $to) = @_;

    make_path($to);

    for my $path (glob "$from/*") {
        my ($name) = $path =~ m{([^/]+)$};

        if (-d $path) {
            copy_tree($path, "$to/$name");
        } else {
            copy($path, "$to/$name") or die "copy $path: $!";
        }
    }
}


sub slurp {
    my ($name) = @_;

    open my $f, '<', $name or die "$name: $!";
    local $/;

    return scalar <$f>;
}
