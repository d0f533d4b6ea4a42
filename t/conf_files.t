#!/usr/bin/perl

# Copyright (C) The Pharos Authors
#
# Broken files of one's own: refused by nginx -t and by a reload, with file,
# line and reason, while the old settings go on; at a cold start the site is
# served even so.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Test::More;
use Test::Pharos;
use Test::Pharos::Api;

my $t = Test::Pharos->new;
my $addr = port_of($t, $t->target('/metrics' => "load 1\n"));

my %good = (
    'prometheus.yml' => <<"END",
global: { scrape_interval: 300ms, scrape_timeout: 300ms,
          evaluation_interval: 300ms }
rule_files: [ 'rules/*.yml', '/etc/pharos-test/rules/*.yml' ]
scrape_configs:
- job_name: app
  static_configs: [{ targets: ['$addr'] }]
END
    'rules/a.yml' => <<'END',
groups:
- name: g
  rules:
  - record: good:load
    expr: load * 10
END
    'mapped/rules/b.yml' => <<'END',
groups:
- name: mapped
  rules: [{ record: mapped:load, expr: load * 20 }]
END
    'alertmanager.yml' => <<'END',
route: { receiver: r }
receivers: [{ name: r, webhook_configs: [{ url: 'http://127.0.0.1:9/' }] }]
END
);

write_good();

serve($t, 'pharos_path_map /etc/pharos-test/ %%DIR%%/mapped/;');

my ($code, $out) = $t->test_conf;
is($code, 0, 'good files are good') or diag($out);

$t->run;
$t->wait_ready;

wait_value($t, 'good:load', 10, 'they are in force');
wait_value($t, 'mapped:load', 20, 'rules of a mapped folder, too');

# name, file, text, line and reason

my @broken = (
    [ 'an unknown field', 'prometheus.yml',
      "global: {}\nscrape_config: []\n", 2, qr/scrape_config\b/ ],
    [ 'broken YAML', 'prometheus.yml',
      "global:\n  scrape_interval: [\n", '\d+', qr/./ ],
    [ 'a bad duration', 'prometheus.yml',
      "global:\n  scrape_interval: 5x\n", 2, qr/5x/ ],
    [ 'a timeout above the interval', 'prometheus.yml',
      "scrape_configs:\n- job_name: a\n  scrape_interval: 1s\n"
      . "  scrape_timeout: 2s\n", '\d+', qr/timeout/ ],
    [ 'a job twice', 'prometheus.yml',
      "scrape_configs:\n- job_name: a\n- job_name: a\n", '\d+',
      qr/job_name|multiple|"a"/ ],
    [ 'a bad regex', 'prometheus.yml',
      "scrape_configs:\n- job_name: a\n  relabel_configs:\n"
      . "  - { regex: '(', action: labeldrop }\n", '\d+', qr/regex|\(/ ],
    [ 'a bad expression', 'rules/a.yml',
      "groups:\n- name: g\n  rules:\n  - record: r\n    expr: sum(\n", 5,
      qr/unclosed left parenthesis/ ],
    [ 'a group twice', 'rules/a.yml',
      "groups:\n- name: g\n- name: g\n", '\d+', qr/"?g"?/ ],
    [ 'record and alert', 'rules/a.yml',
      "groups:\n- name: g\n  rules:\n  - record: r\n    alert: a\n"
      . "    expr: 1\n", '\d+', qr/alert|record/ ],
    [ 'a bad template', 'rules/a.yml',
      "groups:\n- name: g\n  rules:\n  - alert: a\n    expr: up\n"
      . "    annotations: { s: '{{ .Foo' }\n", '\d+', qr/./ ],
    [ 'in a mapped folder', 'mapped/rules/b.yml',
      "groups:\n- nam: g\n", 2, qr/nam\b/ ],
    [ 'no such receiver', 'alertmanager.yml',
      "route: { receiver: other }\nreceivers: [{ name: r }]\n", '\d+',
      qr/other/ ],
    [ 'no route', 'alertmanager.yml', "receivers: [{ name: r }]\n", undef,
      qr/no route/ ],
);

for (@broken) {
    my ($name, $file, $text, $line, $reason) = @$_;

    # what is not there has no line
    my $place = defined $line ? qr/\Q$file\E:$line\b/ : qr/\Q$file\E/;

    $t->write_file($file, $text);

    ($code, $out) = $t->test_conf;
    isnt($code, 0, "$name: nginx -t refuses it");
    like($out, qr/\[emerg\].*$place.*$reason/,
         "$name: with file, line and reason");

    my $res = $t->post('/-/reload', '');
    like($res->{status}, qr/^[45]\d\d$/, "$name: so does /-/reload");
    like($res->{content}, qr/$place.*$reason/s,
         "$name: and says the same");

    write_good();
}

$t->allow(qr/\[emerg\]/);

# a reload by signal: the old go on

my @workers = $t->workers;
my $helper = $t->helper;
my $emerg = $t->log_count(qr/\[emerg\]/);

$t->write_file('prometheus.yml', "global: { scrape_interval: 1q }\n");
$t->signal('HUP');
$t->wait_for(sub { $t->log_count(qr/\[emerg\].*prometheus\.yml:1.*1q/)
                   && $t->log_count(qr/\[emerg\]/) > $emerg },
             'a reload with a broken file is refused in the log');

is_deeply([ sort $t->workers ], [ sort @workers ], 'workers stay');
is($t->helper, $helper, 'the helper stays');

my $seen = value($t, 'timestamp(good:load)');
ok($t->poll(sub { (value($t, 'timestamp(good:load)') || 0) > $seen }),
   'and the old rules go on');

# good ones take their place

write_good();
$t->write_file('rules/a.yml', <<'END');
groups:
- { name: g, rules: [{ record: new:load, expr: load * 30 }] }
END
my $res = $t->post('/-/reload', '');
is($res->{status}, 200, '/-/reload') or diag($res->{content});
wait_value($t, 'new:load', 30, 'new rules are in force');
wait_gone($t, 'good:load', 'the old ones end');
is($t->helper, $helper, 'in the same helper');

write_good();
$t->reload;
$t->wait_ready;
wait_value($t, 'good:load', 10, 'a reload by signal takes the others');

# missing files

unlink $t->dir . '/prometheus.yml';
($code, $out) = $t->test_conf;
isnt($code, 0, 'a missing file');
like($out, qr/prometheus\.yml/, 'is named');

# cold start

$t->quit;
write_good();
$t->write_file('rules/a.yml', "groups:\n- name: g\n  rules: [{ expr: ( }]\n");

($code, $out) = $t->nginx;

if ($code == 0) {
    $t->wait_for(sub { $t->master }, 'a cold start with a broken file');
    is($t->get('/plain')->{content}, 'plain', 'the site is served');
    ok($t->poll(sub { $t->log_count(qr/rules\/a\.yml:\d+/) }),
       'and the error is logged');

    $t->wait_ready;
    is($t->get('/api/v1/query?query=1')->{status}, 200, 'queries work');

    write_good();
    is($t->post('/-/reload', '')->{status}, 200, 'mended');
    wait_value($t, 'good:load', 10, 'it goes on without a restart');
} else {
    fail('a cold start with a broken file serves the site');
    diag($out);
}

$t->done;


sub write_good { $t->write_file($_ => $good{$_}) for keys %good }
