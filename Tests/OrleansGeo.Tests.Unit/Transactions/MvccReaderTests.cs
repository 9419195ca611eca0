using OrleansGeo.Primitives;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Unit.Transactions;

public sealed class MvccReaderTests
{
    private static readonly KeySpan s_all = new(Key.Min, Key.Max);
    private static readonly MvccScanLimits s_unlimited = new(int.MaxValue, long.MaxValue);
    private readonly MvccReader _reader = new();

    [Fact]
    public void A_get_sees_the_newest_version_at_or_below_its_timestamp()
    {
        var chance = new Prng(10);
        for (var round = 0; round < 300; round++)
        {
            var model = VersionModel.Random(chance, 40);
            for (var i = 0; i < 40; i++)
            {
                var (key, at) = (Draw.Key(chance, 2), Draw.Timestamp(chance, 13));
                AssertSame(model.NewestAt(key, at), _reader.TryGet(model.Storage, key, at, out var value), value);
                var newest = model.NewestAt(key, HlcTimestamp.Max);
                AssertSame(newest, _reader.TryGetNewest(model.Storage, key, out value), value);
                Assert.Equal(newest?.Timestamp ?? HlcTimestamp.Zero, _reader.NewestTimestamp(model.Storage, key));
            }
        }
    }

    [Fact]
    public void A_scan_returns_what_gets_of_every_key_would()
    {
        var chance = new Prng(11);
        for (var round = 0; round < 1_500; round++)
        {
            var model = VersionModel.Random(chance, chance.Chance(0.5) ? 20 : 150);
            var (span, at) = (chance.Chance(0.2) ? s_all : Draw.Span(chance, 2), Draw.Timestamp(chance, 13));
            var expected = model.RowsAt(span, at);
            var rows = new List<MvccRow>();
            Assert.Equal(new MvccScanEnd(span, null, Bytes(expected)), _reader.Scan(model.Storage, span, at, s_unlimited, false, rows));
            AssertSame(expected, rows);

            expected.Reverse();
            rows.Clear();
            Assert.Equal(new MvccScanEnd(span, null, Bytes(expected)), _reader.Scan(model.Storage, span, at, s_unlimited, true, rows));
            AssertSame(expected, rows);
        }
    }

    [Fact]
    public void Pages_within_limits_join_to_the_whole_scan()
    {
        var chance = new Prng(12);
        for (var round = 0; round < 1_000; round++)
        {
            var model = VersionModel.Random(chance, 60);
            var (span, at, reverse) = (Draw.Span(chance, 2), Draw.Timestamp(chance, 13), chance.Chance(0.5));
            var limits = new MvccScanLimits(chance.Below(4) + 1, chance.Below(20));
            var rows = new List<MvccRow>();
            for (KeySpan? rest = span; rest is { } left;)
            {
                var before = rows.Count;
                var end = _reader.Scan(model.Storage, left, at, limits, reverse, rows);
                var page = rows[before..];
                Assert.InRange(page.Count, end.Rest is null ? 0 : 1, limits.RowsMax);
                Assert.True(page.Count <= 1 || Bytes(page) <= limits.BytesMax);
                Assert.Equal(Bytes(page), end.Bytes);
                Assert.All(page, row => Assert.True(end.Read.Contains(row.Key)));
                Assert.Equal(model.RowsAt(end.Read, at).Count, page.Count);
                rest = end.Rest;
            }

            var expected = model.RowsAt(span, at);
            if (reverse)
            {
                expected.Reverse();
            }

            AssertSame(expected, rows);
        }
    }

    [Fact]
    public void A_page_that_ends_with_the_last_row_leaves_no_rest()
    {
        var model = new VersionModel();
        model.Add(new([1]), new(1), [7]);
        model.Add(new([2]), new(1), null);
        var end = _reader.Scan(model.Storage, s_all, new(1), new(1, 100), false, []);
        Assert.Null(end.Rest);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_scan_seeks_past_many_versions_it_cannot_see(bool reverse)
    {
        var model = new VersionModel();
        foreach (var name in "abc"u8)
        {
            for (var version = 1UL; version <= 1_000; version++)
            {
                model.Add(new([name]), new(version), [1]);
            }
        }

        var rows = new List<MvccRow>();
        _reader.Scan(model.Storage, s_all, new(500), s_unlimited, reverse, rows);
        Assert.Equal([500UL, 500UL, 500UL], rows.Select(row => row.Timestamp.Value));
        Assert.InRange(model.Storage.Seeks + model.Storage.Steps, 1, 40);
    }

    [Fact]
    public void A_listing_returns_all_versions_of_a_time_span_in_storage_order()
    {
        var chance = new Prng(13);
        for (var round = 0; round < 300; round++)
        {
            var model = VersionModel.Random(chance, 50);
            var (span, after, upTo) = (Draw.Span(chance, 2), Draw.Timestamp(chance, 12), Draw.Timestamp(chance, 12));
            var listed = new List<MvccVersion>();
            byte[]? resume = null;
            do
            {
                var page = MvccVersions.List(model.Storage, span, after, upTo, chance.Below(5) + 1, resume);
                listed.AddRange(page.Versions);
                resume = page.Resume;
            }
            while (resume is not null);

            var expected = model.Versions
                .Where(v => span.Contains(v.Key) && v.Timestamp > after && v.Timestamp <= upTo)
                .OrderBy(v => v.Key).ThenByDescending(v => v.Timestamp).ToList();
            Assert.Equal(expected.Select(Text), listed.Select(Text));
        }
    }

    private static string Text(MvccVersion v) => $"{v.Key} {v.Timestamp} {v.IsTombstone} {Convert.ToHexString(v.Bytes)}";

    private static long Bytes(IEnumerable<MvccRow> rows) => rows.Sum(row => (long)row.Key.Length + row.Value.Length);

    private static void AssertSame(MvccVersion? expected, bool found, MvccValue value)
    {
        Assert.Equal(expected is not null, found);
        if (expected is { } version)
        {
            Assert.Equal((version.Timestamp, version.IsTombstone), (value.Timestamp, value.IsTombstone));
            Assert.Equal(version.Bytes, value.Bytes);
        }
    }

    private static void AssertSame(List<MvccRow> expected, List<MvccRow> rows) =>
        Assert.Equal(
            expected.Select(row => $"{row.Key} {row.Timestamp} {Convert.ToHexString(row.Value)}"),
            rows.Select(row => $"{row.Key} {row.Timestamp} {Convert.ToHexString(row.Value)}"));

    [Fact]
    public void A_span_has_a_version_between_two_timestamps_where_the_model_has_one()
    {
        var (chance, reader, found) = (new Prng(23), new MvccReader(), 0);
        for (var round = 0; round < 3_000; round++)
        {
            var model = VersionModel.Random(chance, chance.Chance(0.5) ? 20 : 120);
            var (span, above, upTo) = (Draw.Span(chance, 2), Draw.Timestamp(chance, 13), Draw.Timestamp(chance, 13));
            var expected = model.Versions.Any(v => span.Contains(v.Key) && v.Timestamp > above && v.Timestamp <= upTo);
            Assert.Equal(expected, reader.HasVersion(model.Storage, span, above, upTo));
            found += expected ? 1 : 0;
        }

        Assert.InRange(found, 300, 2_700);
    }
}
