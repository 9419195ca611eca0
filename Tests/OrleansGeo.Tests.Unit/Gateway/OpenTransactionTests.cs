using System.Collections.Immutable;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using Xunit;

namespace OrleansGeo.Tests.Unit.Gateway;

/// <summary>What an open transaction holds, without a cluster.</summary>
public sealed class OpenTransactionTests
{
    private static readonly byte[] s_secret = [1, 2, 3, 4, 5, 6, 7, 8];
    private static readonly TransactionHandle s_handle = new(new(3), 77, [.. Enumerable.Range(0, 16).Select(i => (byte)i)]);

    private static OpenTransaction Begun() => new(s_handle, "geo", new());

    private static KeySpan Span(byte from, byte to) => new(new([from]), new([to]));

    private static WrittenRow Row(byte[]? value, int order) => new(null!, [], value, order);

    [Fact]
    public void A_handle_comes_back_as_it_was_given_out_and_no_other_text_is_one()
    {
        var text = s_handle.Seal(s_secret);
        var opened = TransactionHandle.TryOpen(s_secret, text)!;
        Assert.Equal((s_handle.Node, s_handle.Life), (opened.Node, opened.Life));
        Assert.Equal(s_handle.Id.AsSpan(), opened.Id.AsSpan());
        Assert.Null(TransactionHandle.TryOpen([9], text));
        Assert.Null(TransactionHandle.TryOpen(s_secret, SessionToken.Seal(s_secret, new(5))));
        for (var i = 0; i < text.Length; i++)
        {
            Assert.Null(TransactionHandle.TryOpen(s_secret, $"{text[..i]}{(text[i] == 'A' ? 'B' : 'A')}{text[(i + 1)..]}"));
            Assert.Null(TransactionHandle.TryOpen(s_secret, text[..i]));
        }
    }

    [Fact]
    public void What_was_looked_at_first_settles_how_far_a_range_is_minded_also_for_its_halves()
    {
        var transaction = Begun();
        Assert.Equal(HlcTimestamp.Max, transaction.UpTo(Span(1, 9)));
        transaction.LookedAt(Span(1, 9), new(50));
        transaction.LookedAt(Span(1, 5), new(60));
        Assert.All([Span(1, 9), Span(1, 5), Span(5, 9)], span => Assert.Equal(new(50), transaction.UpTo(span)));
        Assert.Equal(HlcTimestamp.Max, transaction.UpTo(Span(5, 10)));
    }

    [Fact]
    public void A_plan_writes_what_is_left_otherwise_than_it_was_found_in_the_order_of_first_writes()
    {
        var transaction = Begun();
        var (kept, gone, came, blind) = (new Key([4]), new Key([3]), new Key([2]), new Key([1]));
        transaction.Rows.Add(kept, new("t", [], new(7)));
        transaction.Rows.Add(gone, new("t", [], new(8)));
        transaction.Rows.Add(came, new("t", [], HlcTimestamp.Zero));
        transaction.Writes = transaction.Writes
            .Add(blind, Row([1], 2)).Add(gone, Row(null, 0)).Add(came, Row(null, 1));
        var plan = transaction.Plan();
        Assert.Equal([(WriteKind.Delete, gone), (WriteKind.Put, blind)], plan.Writes.Select(write => (write.Kind, write.Key)));
        Assert.Equal([came, gone, kept], plan.Checks.Select(check => check.Key));
        Assert.Equal(
            [Precondition.Absent, Precondition.VersionIs(new(8)), Precondition.VersionIs(new(7))],
            plan.Checks.Select(check => check.Precondition), (one, other) =>
                one!.IfAbsent == other!.IfAbsent && one.IfMatch.SequenceEqual(other.IfMatch));
    }

    [Fact]
    public void There_are_so_many_savepoints_and_no_more_and_one_takes_the_place_of_its_namesake()
    {
        var transaction = Begun();
        for (var i = 0; i < GeoLimits.SavepointsMax; i++)
        {
            Assert.True(transaction.TryMark($"s{i}"));
        }

        Assert.False(transaction.TryMark("more"));
        transaction.Writes = transaction.Writes.Add(new([1]), Row([1], 0));
        Assert.True(transaction.TryMark("s0"));
        transaction.Writes = transaction.Writes.Clear();
        Assert.True(transaction.TryReturnTo("s0"));
        Assert.Single(transaction.Writes);

        // It was the last one made, so going back to the first of the others takes it away.
        Assert.True(transaction.TryReturnTo("s1"));
        Assert.Empty(transaction.Writes);
        Assert.False(transaction.TryReturnTo("s0"));
    }

    [Fact]
    public void Savepoints_of_much_are_fewer_and_what_a_transaction_holds_is_weighed()
    {
        var transaction = Begun();
        Assert.Equal(0, transaction.Bytes);
        transaction.Writes = transaction.Writes.Add(new([1]), Row(new byte[GeoLimits.TransactionBytesMax], 0));
        Assert.True(transaction.TryMark("a") && transaction.TryMark("b") && transaction.TryMark("c"));
        Assert.False(transaction.TryMark("d"));
        Assert.Equal(4 * (GeoLimits.TransactionBytesMax + 1L), transaction.Bytes);
        transaction.Spans.Add(Span(1, 2));
        Assert.True(transaction.Bytes > 4 * (GeoLimits.TransactionBytesMax + 1L));
        transaction.Clear();
        Assert.Equal(0, transaction.Bytes);
    }
}
