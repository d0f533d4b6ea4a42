package Test::Pharos::Api;

# Copyright (C) The Pharos Authors
#
# What tests of scraping, rules and the API share: a server that serves
# pharos alone, and answers of the API as plain data of Perl.
#
#   serve($t, 'pharos_retention 0;');
#   is_deeply(instant($t, 'sum by (job) (up)'), { '{job="a"}' => 1 });
#   wait_value($t, 'up{job="a"}', 0, 'target is down');

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP ();
use Test::More;

our @EXPORT = qw(serve escape api instant value range wait_value wait_gone
                 target_of wait_health canonical samples_body port_of
                 load_samples);


# nginx.conf with one server; more goes into the http block
sub serve {
    my ($t, $more, %args) = @_;

    my $root = $Test::Pharos::root;
    my $yml = -e $t->dir . '/prometheus.yml'
              ? 'pharos_prometheus %%DIR%%/prometheus.yml;' : '';
    my $am = -e $t->dir . '/alertmanager.yml'
             ? 'pharos_alertmanager %%DIR%%/alertmanager.yml;' : '';

    $t->conf(<<"END", store => "pharos_store %%DIR%%/s; $yml $am", %args);
    pharos_lua $root/lua;
    @{[$more || '']}

    server {
        listen 127.0.0.1:%%PORT_0%%;

        location / { pharos; }
        location = /plain { return 200 plain; }
    }
END

    return $t;
}


# 127.0.0.1:port of a target
sub port_of { return '127.0.0.1:' . $_[0]->target_port($_[1]) }


sub escape {
    my ($s) = @_;

    utf8::encode($s) if utf8::is_utf8($s);
    $s =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ge;

    return $s;
}


# the decoded answer of an endpoint below /api/v1/, with its status; a list
# as a value repeats the parameter
sub api {
    my ($t, $path, %params) = @_;

    my @pairs;

    for my $name (sort keys %params) {
        my $v = $params{$name};
        push @pairs, map { escape($name) . '=' . escape($_) }
                     ref $v ? @$v : $v;
    }

    my $res = $t->get("/api/v1/$path" . (@pairs ? '?' . join '&', @pairs
                                                : ''));
    my $j = eval { JSON::PP::decode_json($res->{content}) } || {};

    $j->{http} = $res->{status};
    $j->{raw} = $res->{content};

    return $j;
}


# name{a="1",b="2"}
sub canonical {
    my ($metric) = @_;

    my %m = %$metric;
    my $name = delete $m{__name__};

    $name = '' unless defined $name;

    return $name unless %m;
    return "$name\{" . join(',', map { qq{$_="$m{$_}"} } sort keys %m) . '}';
}


# { series => value } of an instant query; a scalar's series is ''
sub instant {
    my ($t, $expr, %params) = @_;

    my $j = api($t, 'query', query => $expr, %params);
    return unless $j->{http} == 200;

    my $d = $j->{data};

    return { '' => $d->{result}[1] } if $d->{resultType} =~ /scalar|string/;
    return { map { canonical($_->{metric}) => $_->{value}[1] }
             @{ $d->{result} } };
}


# the value of the only series, undef if there is not exactly one
sub value {
    my $found = instant(@_) or return;
    my @values = values %$found;

    return @values == 1 ? $values[0] : undef;
}


# { series => [ values ] } of a range query
sub range {
    my ($t, $expr, $start, $end, $step) = @_;

    my $j = api($t, 'query_range', query => $expr, start => $start,
                end => $end, step => $step);
    return unless $j->{http} == 200;

    return { map { canonical($_->{metric})
                   => [ map { $_->[1] } @{ $_->{values} } ] }
             @{ $j->{data}{result} } };
}


sub wait_value {
    my ($t, $expr, $wanted, $name, $timeout) = @_;

    my $last;
    my $ok = $t->poll(sub {
        $last = value($t, $expr);
        return defined $last && $last eq $wanted;
    }, $timeout || 20);

    ok($ok, $name) or diag("$expr is ", defined $last ? $last : 'nothing',
                           ", not $wanted");

    return $ok;
}


sub wait_gone {
    my ($t, $expr, $name, $timeout) = @_;

    my $last;
    my $ok = $t->poll(sub {
        $last = instant($t, $expr);
        return $last && !%$last;
    }, $timeout || 20);

    ok($ok, $name) or diag("$expr is ", join ' ', %{ $last || {} });

    return $ok;
}


# what /targets says of the only target of a job
sub target_of {
    my ($t, $job) = @_;

    my ($found) = grep { $_->{scrapePool} eq $job }
                  @{ (api($t, 'targets')->{data} || {})->{activeTargets}
                     || [] };

    return $found;
}


# waits for the health of a job's only target; returns the target
sub wait_health {
    my ($t, $job, $health, $name) = @_;

    my $found;
    my $ok = $t->poll(sub {
        $found = target_of($t, $job);
        return $found && $found->{health} eq $health;
    });

    ok($ok, $name || "$job is $health")
        or diag($found ? "$found->{health}: $found->{lastError}"
                       : 'no target');

    return $found || {};
}


# a body with timestamps: n samples of each series, step seconds apart; a
# series is a pair of its name and the function from index to value
sub samples_body {
    my ($start, $step, $n, @series) = @_;

    my $body = '';

    while (my ($name, $f) = splice @series, 0, 2) {
        for my $i (0 .. $n - 1) {
            my $v = $f->($i);
            $body .= "$name $v " . ($start + $i * $step) * 1000 . "\n"
                if defined $v;
        }
    }

    return $body;
}


# a server whose store has these samples and no others of that job, "load";
# any time of theirs is kept
sub load_samples {
    my ($t, $body, $more) = @_;

    my $addr = port_of($t, $t->target('/metrics' => $body));

    $t->write_file('prometheus.yml', <<"END");
global: { scrape_interval: 2s, scrape_timeout: 2s }
scrape_configs:
- job_name: load
  static_configs: [{ targets: ['$addr'], labels: { instance: i } }]
END

    serve($t, 'pharos_retention 0; ' . ($more || ''))->run;
    $t->wait_ready;

    return wait_value($t, 'up{job="load"}', 1, 'samples are loaded');
}


1;
