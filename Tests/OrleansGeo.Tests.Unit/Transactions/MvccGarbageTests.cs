using OrleansGeo.Primitives;
using OrleansGeo.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Unit.Transactions;

public sealed class MvccGarbageTests
{
    private static readonly KeySpan s_all = new(Key.Min, Key.Max);

    [Fact]
    public void Garbage_is_what_lies_under_the_newest_version_at_the_threshold_and_tombstones_there()
    {
        var chance = new Prng(20);
        for (var round = 0; round < 1_000; round++)
        {
            var model = VersionModel.Random(chance, chance.Chance(0.5) ? 20 : 120);
            var (span, threshold) = (chance.Chance(0.3) ? s_all : Draw.Span(chance, 2), Draw.Timestamp(chance, 13));
            var expected = model.Versions
                .Where(v => span.Contains(v.Key) && v.Timestamp <= threshold)
                .Where(v => v.IsTombstone || model.NewestAt(v.Key, threshold)!.Value.Timestamp != v.Timestamp)
                .Select(v => $"{v.Key} {v.Timestamp}").Order();
            var listed = ListInPages(model, span, threshold, chance, remove: false);
            Assert.Equal(expected, listed.Select(Text).Order());
        }
    }

    [Fact]
    public void Removing_garbage_page_by_page_changes_no_read_at_or_above_the_threshold()
    {
        var chance = new Prng(21);
        for (var round = 0; round < 1_000; round++)
        {
            var model = VersionModel.Random(chance, 80);
            var threshold = Draw.Timestamp(chance, 13);
            var before = ReadsFrom(model, threshold);
            ListInPages(model, s_all, threshold, chance, remove: true, () => Assert.Equal(before, ReadsFrom(model, threshold)));
            Assert.Equal(before, ReadsFrom(model, threshold));
            Assert.Empty(MvccGarbage.List(model.Storage, s_all, threshold, int.MaxValue).StorageKeys);
        }
    }

    [Fact]
    public void Collecting_again_and_again_while_versions_are_added_changes_no_read_at_or_above_the_threshold()
    {
        var chance = new Prng(22);
        for (var round = 0; round < 200; round++)
        {
            var (kept, whole) = (new VersionModel(), new VersionModel());
            var threshold = HlcTimestamp.Zero;
            for (var step = 0; step < 5; step++)
            {
                foreach (var version in VersionModel.Random(chance, 8).Versions.Where(v => v.Timestamp > threshold))
                {
                    // Nothing is ever written at or below a threshold.
                    kept.Add(version.Key, version.Timestamp, version.IsTombstone ? null : version.Bytes);
                    whole.Add(version.Key, version.Timestamp, version.IsTombstone ? null : version.Bytes);
                }

                threshold = HlcTimestamp.Later(threshold, Draw.Timestamp(chance, 3 + (2 * step)));
                ListInPages(kept, s_all, threshold, chance, remove: true);
                Assert.Equal(ReadsFrom(whole, threshold), ReadsFrom(kept, threshold));
            }
        }
    }

    [Fact]
    public void A_listing_tells_how_much_it_looked_at_and_the_newest_of_all()
    {
        var chance = new Prng(23);
        for (var round = 0; round < 300; round++)
        {
            var model = VersionModel.Random(chance, 60);
            model.Add(new([1]), new(1), [1]);
            var (looked, newest) = (0, HlcTimestamp.Zero);
            MvccGarbagePoint? resume = null;
            do
            {
                var page = MvccGarbage.List(model.Storage, s_all, Draw.Timestamp(chance, 13), chance.Below(6) + 1, resume);
                (looked, newest, resume) = (looked + page.Looked, HlcTimestamp.Later(newest, page.Newest), page.Resume);
            }
            while (resume is not null);
            Assert.InRange(looked, 1, model.Versions.Count);
            Assert.Equal(model.Versions.Max(v => v.Timestamp), newest);
        }
    }

    [Fact]
    public void Large_values_make_a_page_short()
    {
        var model = new VersionModel();
        for (var version = 1UL; version <= 10; version++)
        {
            model.Add(new([1]), new(version), new byte[40_960]);
        }

        var page = MvccGarbage.List(model.Storage, s_all, new(10), 33);
        Assert.NotNull(page.Resume);
        Assert.Equal((3, 2), (page.Looked, page.StorageKeys.Count));
    }

    [Fact]
    public void Many_versions_above_the_threshold_are_sought_past()
    {
        var model = new VersionModel();
        for (var version = 1UL; version <= 1_000; version++)
        {
            model.Add(new([1]), new(version), [1]);
        }

        var page = MvccGarbage.List(model.Storage, s_all, new(2), 100);
        Assert.Null(page.Resume);
        Assert.Equal(["01 0.00001"], page.StorageKeys.Select(Text));
    }

    private static List<byte[]> ListInPages(
        VersionModel model, KeySpan span, HlcTimestamp threshold, Prng chance, bool remove, Action? afterEach = null)
    {
        var listed = new List<byte[]>();
        MvccGarbagePoint? resume = null;
        do
        {
            var page = MvccGarbage.List(model.Storage, span, threshold, chance.Below(6) + 1, resume);
            listed.AddRange(page.StorageKeys);
            foreach (var key in remove ? page.StorageKeys : [])
            {
                model.Storage.Delete(key);
                afterEach?.Invoke();
            }

            resume = page.Resume;
        }
        while (resume is not null);
        return listed;
    }

    private static List<string> ReadsFrom(VersionModel model, HlcTimestamp threshold)
    {
        var reads = new List<string>();
        for (var at = threshold; at.Value <= 13; at = at.Next)
        {
            var rows = new List<MvccRow>();
            new MvccReader().Scan(model.Storage, s_all, at, new(int.MaxValue, long.MaxValue), false, rows);
            reads.AddRange(rows.Select(row => $"{at}: {row.Key} {row.Timestamp} {Convert.ToHexString(row.Value)}"));
        }

        return reads;
    }

    private static string Text(byte[] storageKey)
    {
        var (key, at) = MvccKey.Decode(storageKey);
        return $"{key} {at}";
    }
}
