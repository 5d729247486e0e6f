#!/usr/bin/perl
# Reads so many submit_sm PDUs as its argument says from standard input with Net::SMPP (Debian:
# libnet-smpp-perl), joins parts and decodes texts with Perl's own Encode. Prints one line of JSON
# for each destination_addr:
#
#   {"destination":"…","text":"…","parts":2,"data_coding":0}

use strict;
use warnings;
use Encode qw(decode FB_CROAK);
use JSON::PP;
use Net::SMPP;

my %ENCODING = (0 => 'gsm0338', 3 => 'iso-8859-1', 8 => 'UTF-16BE');

binmode STDIN;
my $smpp = bless \*STDIN, 'Net::SMPP';
${*$smpp}{head_templ} = 'NNNN';
${*$smpp}{head_len} = 16;

my (%messages, @order);
for (1 .. $ARGV[0]) {
    my $pdu = $smpp->read_pdu // die 'the PDUs end too early';
    die sprintf 'command_id 0x%08x is not submit_sm', $pdu->{cmd} unless $pdu->{cmd} == 4;
    my $octets = $pdu->{message_payload} // $pdu->{short_message};
    my ($reference, $total, $part) = ('', 1, 1);
    if ($pdu->{esm_class} & 0x40) {
        my $header = unpack 'C/a', $octets;
        $octets = substr $octets, 1 + length $header;
        my ($element, $data) = unpack 'CC/a', $header;
        die "information element $element" unless $element == 0 || $element == 8;
        ($reference, $total, $part) = unpack($element ? 'nCC' : 'CCC', $data);
    }
    elsif (defined $pdu->{sar_msg_ref_num}) {
        $reference = unpack 'n', $pdu->{sar_msg_ref_num};
        $total = unpack 'C', $pdu->{sar_total_segments};
        $part = unpack 'C', $pdu->{sar_segment_seqnum};
    }
    my $destination = $pdu->{destination_addr};
    my $key = "$reference/$total/$pdu->{data_coding}";
    if (!exists $messages{$destination}) {
        push @order, $destination;
        $messages{$destination} = { key => $key, total => $total, coding => $pdu->{data_coding} };
    }
    my $message = $messages{$destination};
    die "$destination: $key is not $message->{key}" unless $message->{key} eq $key;
    die "$destination: part $part twice" if defined $message->{parts}{$part};
    $message->{parts}{$part} = $octets;
}

my $json = JSON::PP->new->utf8->canonical;
for my $destination (@order) {
    my $message = $messages{$destination};
    my @octets = map { $message->{parts}{$_} // die "$destination: no part $_" } 1 .. $message->{total};
    my $encoding = $ENCODING{ $message->{coding} } // die "data_coding $message->{coding}";
    # Each part for itself: a phone may show them before all are there.
    my $text = join '', map { decode($encoding, $_, FB_CROAK) } @octets;
    print $json->encode({
        destination => $destination,
        text => $text,
        parts => 0 + @octets,
        data_coding => $message->{coding},
    }), "\n";
}
