package Test::Pharos::Protobuf;

# Copyright (C) The Pharos Authors
#
# Messages of protobuf, written and read, and blocks of snappy: what tests of
# remote write and remote read share.
#
#   my $body = snappy(message(1, series([ '__name__', 'a' ], 1, $now)));
#   for (fields(unsnappy($res->{content}))) { my ($field, $value) = @$_; }

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(message varint sample series snappy unsnappy fields);


sub sample {
    my ($v, $at) = @_;

    return "\x09" . pack('d<', $v) . "\x10" . varint($at);
}


sub message {
    my ($field, $bytes) = @_;

    return varint($field << 3 | 2) . varint(length $bytes) . $bytes;
}


sub varint {
    my ($v) = @_;

    my $s = '';

    while ($v > 127) {
        $s .= chr($v & 127 | 128);
        $v >>= 7;
    }

    return $s . chr $v;
}


# literals alone
sub snappy {
    my ($s) = @_;

    my $out = varint(length $s);

    while (length $s) {
        my $part = substr $s, 0, 65536, '';
        $out .= "\xf4" . pack('v', length($part) - 1) . $part;
    }

    return $out;
}


# of remote write and read: [ name, value ... ], value, time ...
sub series {
    my ($labels, @samples) = @_;

    my @l = @$labels;
    my $s = '';

    while (my ($name, $value) = splice @l, 0, 2) {
        $s .= message(1, message(1, $name) . message(2, $value));
    }

    while (my ($v, $at) = splice @samples, 0, 2) {
        $s .= message(2, sample($v, $at));
    }

    return $s;
}


# a list of [ field, value ]; values of eight bytes are doubles
sub fields {
    my ($s) = @_;

    my ($pos, @fields) = (0);

    while ($pos < length $s) {
        my $tag = get_varint($s, \$pos);
        my ($field, $wire) = ($tag >> 3, $tag & 7);
        my $value;

        if ($wire == 0) {
            $value = get_varint($s, \$pos);

        } elsif ($wire == 1) {
            $value = unpack 'd<', substr $s, $pos, 8;
            $pos += 8;

        } elsif ($wire == 2) {
            my $len = get_varint($s, \$pos);
            die "cut short\n" if $len > length($s) - $pos;
            $value = substr $s, $pos, $len;
            $pos += $len;

        } else {
            die "wire type $wire\n";
        }

        push @fields, [ $field, $value ];
    }

    return @fields;
}


sub get_varint {
    my ($s, $pos) = @_;

    my ($v, $shift) = (0, 0);

    while (1) {
        die "cut short\n" if $$pos >= length $s;
        my $byte = ord substr $s, $$pos++, 1;
        $v |= ($byte & 127) << $shift;
        return $v if $byte < 128;
        $shift += 7;
    }
}


sub unsnappy {
    my ($s) = @_;

    my ($pos, $out) = (0, '');
    my $size = get_varint($s, \$pos);

    while ($pos < length $s) {
        my $tag = ord substr $s, $pos++, 1;
        my ($kind, $len, $back) = ($tag & 3, ($tag >> 2) + 1);

        if ($kind == 0) {

            if ($len > 60) {
                my $n = $len - 60;
                $len = 1 + unpack 'V', substr($s, $pos, $n) . "\0" x (4 - $n);
                $pos += $n;
            }

            $out .= substr $s, $pos, $len;
            $pos += $len;
            next;
        }

        if ($kind == 1) {
            $len = ($tag >> 2 & 7) + 4;
            $back = ($tag >> 5) << 8 | ord substr $s, $pos++, 1;

        } else {
            my $n = $kind == 2 ? 2 : 4;
            $back = unpack 'V', substr($s, $pos, $n) . "\0" x (4 - $n);
            $pos += $n;
        }

        # what is copied may reach into what the copy makes
        $out .= substr $out, -$back, 1 for 1 .. $len;
    }

    die "not $size bytes\n" if length $out != $size;

    return $out;
}


1;
