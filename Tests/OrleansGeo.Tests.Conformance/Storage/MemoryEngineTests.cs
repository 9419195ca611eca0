using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Storage.Memory;
using Xunit;
using static OrleansGeo.Tests.Conformance.Storage.EngineAssert;

namespace OrleansGeo.Tests.Conformance.Storage;

/// <summary>The faults a memory disk plays.</summary>
public sealed class MemoryEngineTests
{
    private readonly ManualTime _time = new();
    private readonly MemoryDisk _disk = new();

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 60)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task A_crash_leaves_whole_batches_up_to_some_point_behind_the_last_sync(int seed)
    {
        var prng = new Prng((ulong)seed);
        List<SortedDictionary<string, string>> states = [[]];
        var synced = 0;
        var engine = _disk.Open(_time);
        for (var step = 0; step < 300; step++)
        {
            var what = prng.Below(100);
            if (what < 80)
            {
                states.Add(WriteRandom(engine, states[^1], prng));
            }
            else if (what < 95)
            {
                await engine.SyncAsync();
                synced = states.Count - 1;
            }
            else
            {
                var lost = _disk.Crash(prng);
                var left = states.Count - 1 - lost;
                Assert.True(left >= synced);
                engine = _disk.Open(_time);
                Assert.Equal(states[left], Content(engine));
                Assert.Equal(0, _disk.UnsyncedBatches);
                states.RemoveRange(left + 1, lost);
                synced = left;
            }
        }
    }

    [Fact]
    public void Crashes_lose_everything_nothing_and_something_in_between()
    {
        var prng = new Prng(3);
        var lost = new SortedSet<int>();
        for (var i = 0; i < 100; i++)
        {
            var engine = _disk.Open(_time);
            engine.PutAll("a");
            engine.PutAll("b");
            lost.Add(_disk.Crash(prng));
        }

        Assert.Equal([0, 1, 2], lost);
    }

    [Fact]
    public async Task A_crash_closes_the_engine_and_all_that_hangs_on_it()
    {
        _disk.SyncLatency = () => TimeSpan.FromMilliseconds(5);
        var engine = _disk.Open(_time);
        engine.PutAll("a");
        var cursor = engine.OpenCursor("", "z");
        var snapshot = engine.OpenSnapshot(Lowest, Highest);
        var sync = engine.SyncAsync().AsTask();
        _disk.Crash(new Prng(1));

        await Assert.ThrowsAsync<StorageFailedException>(() => sync);
        Assert.Throws<StorageFailedException>(() => engine.Get("a"));
        Assert.Throws<StorageFailedException>(() => engine.PutAll("b"));
        Assert.Throws<StorageFailedException>(() => cursor.SeekAtOrAfter(B("a")));
        Assert.Throws<StorageFailedException>(() => snapshot.Get("a"));
        using var again = _disk.Open(_time);
        engine.Dispose();
        again.PutAll("c");
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(2 - (again.Get("a") is null ? 1 : 0), again.Keys().Split(' ').Length);
    }

    [Fact]
    public async Task A_sync_takes_its_time_and_covers_what_was_written_before_it_began()
    {
        _disk.SyncLatency = () => TimeSpan.FromMilliseconds(5);
        using var engine = _disk.Open(_time);
        engine.PutAll("a");
        var first = engine.SyncAsync().AsTask();
        engine.PutAll("b");
        var second = engine.SyncAsync().AsTask();
        var third = engine.SyncAsync().AsTask();

        _time.Advance(TimeSpan.FromMilliseconds(4));
        Assert.False(first.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await first;
        Assert.False(second.IsCompleted);
        Assert.Equal(1, _disk.UnsyncedBatches);
        Assert.Same(second, third);
        _time.Advance(TimeSpan.FromMilliseconds(5));
        await second;
        Assert.Equal(0, _disk.UnsyncedBatches);
    }

    [Fact]
    public void A_sync_without_latency_is_done_when_it_returns()
    {
        using var engine = _disk.Open(_time);
        engine.PutAll("a");
        Assert.True(engine.SyncAsync().AsTask().IsCompletedSuccessfully);
        Assert.Equal(0, _disk.UnsyncedBatches);
    }

    [Fact]
    public async Task A_stalled_disk_completes_no_sync_until_it_is_let_go()
    {
        using var engine = _disk.Open(_time);
        engine.PutAll("a");
        _disk.StallSyncs = true;
        var sync = engine.SyncAsync().AsTask();
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.False(sync.IsCompleted);
        Assert.Equal(1, _disk.UnsyncedBatches);

        _disk.StallSyncs = false;
        await sync;
        Assert.Equal(0, _disk.UnsyncedBatches);
    }

    [Fact]
    public async Task What_a_failed_sync_should_have_covered_may_be_lost()
    {
        var prng = new Prng(5);
        var survived = 0;
        for (var i = 0; i < 50; i++)
        {
            _disk.Wipe();
            var engine = _disk.Open(_time);
            engine.PutAll("a");
            _disk.FailNextSync = true;
            await Assert.ThrowsAsync<StorageFailedException>(async () => await engine.SyncAsync());
            _disk.Crash(prng);
            using var again = _disk.Open(_time);
            survived += again.Get("a") is null ? 0 : 1;
        }

        Assert.InRange(survived, 5, 45);
    }

    [Fact]
    public void A_flipped_bit_is_found_by_get_and_cursor_until_the_key_is_written_again()
    {
        var prng = new Prng(2);
        using var engine = _disk.Open(_time);
        engine.PutAll("a", "b", "c");
        engine.Put("empty", "");
        Assert.NotNull(_disk.FlipBit(prng));
        var key = System.Text.Encoding.UTF8.GetString(_disk.FlipBit(prng)!);

        var failure = Assert.Throws<StorageCorruptException>(() => engine.Get(key));
        Assert.Contains(Convert.ToHexStringLower(B(key)), failure.Message, StringComparison.Ordinal);
        using (var cursor = engine.OpenCursor("", "z"))
        {
            Assert.Throws<StorageCorruptException>(() => cursor.SeekAtOrAfter(B(key)));
            Assert.False(cursor.IsValid);
        }

        engine.PutAll("a", "b", "c");
        engine.Put("empty", "");
        Assert.Equal("a b c empty", engine.Keys());
    }

    [Fact]
    public void An_empty_value_that_rots_does_not_take_other_empty_values_with_it()
    {
        using var engine = _disk.Open(_time);
        var batch = new WriteBatch();
        for (var i = 0; i < 100; i++)
        {
            batch.Put(B("k" + i), default);
        }

        engine.Write(batch);
        var rotten = _disk.FlipBit(new Prng(1))!;
        Assert.Throws<StorageCorruptException>(() => engine.TryGet(rotten, out _));
        Assert.Equal(1, Enumerable.Range(0, 100).Count(i => Record.Exception(() => engine.Get("k" + i)) is StorageCorruptException));
    }

    [Fact]
    public void A_wiped_disk_is_empty_and_its_engine_closed()
    {
        var engine = _disk.Open(_time);
        engine.PutAll("a");
        _disk.Wipe();

        Assert.Throws<StorageFailedException>(() => engine.Get("a"));
        using var again = _disk.Open(_time);
        Assert.Equal("", again.Keys());
        Assert.Null(_disk.FlipBit(new Prng(1)));
    }

    [Fact]
    public void The_bytes_in_use_are_those_of_the_pairs()
    {
        const int Count = 5000;
        using var engine = _disk.Open(_time);
        long expected = 0;
        for (var i = 0; i < Count; i++)
        {
            // Neither ascending nor descending, so that nodes split in their middle; twice, so that values are replaced.
            var key = $"k{i * 7919 % Count:D4}";
            engine.Put(key, "first");
            engine.Put(key, new string('x', i % 50));
            expected += key.Length + (i % 50) + MemoryDisk.PairOverheadBytes;
        }

        Assert.Equal(expected, _disk.UsedBytes);
        Assert.Equal(expected, Enumerable.Range(0, 100).Sum(i => engine.EstimateBytes(B($"k{i:D2}"), B($"k{i:D2}x"))));

        var inSpan = engine.EstimateBytes(B("k1234"), B("k4"));
        var batch = new WriteBatch();
        batch.DeleteRange(B("k1234"), B("k4"));
        engine.Write(batch);
        Assert.Equal(expected - inSpan, _disk.UsedBytes);

        batch.Clear();
        for (var i = 0; i < Count; i++)
        {
            batch.Delete(B($"k{i:D4}"));
        }

        engine.Write(batch);
        Assert.Equal(0, _disk.UsedBytes);
    }

    private static SortedDictionary<string, string> WriteRandom(MemoryEngine engine, SortedDictionary<string, string> before, Prng prng)
    {
        var after = new SortedDictionary<string, string>(before, StringComparer.Ordinal);
        var batch = new WriteBatch();
        for (var i = prng.Below(6); i >= 0; i--)
        {
            var key = $"k{prng.Below(200):D3}";
            switch (prng.Below(10))
            {
                case 0:
                    var end = $"k{prng.Below(200):D3}";
                    batch.DeleteRange(B(key), B(end));
                    foreach (var gone in after.Keys.Where(
                        k => string.CompareOrdinal(k, key) >= 0 && string.CompareOrdinal(k, end) < 0).ToList())
                    {
                        after.Remove(gone);
                    }

                    break;
                case < 3:
                    batch.Delete(B(key));
                    after.Remove(key);
                    break;
                default:
                    var value = prng.NextUInt64().ToString("x", System.Globalization.CultureInfo.InvariantCulture);
                    batch.Put(B(key), B(value));
                    after[key] = value;
                    break;
            }
        }

        engine.Write(batch);
        return after;
    }

    private static SortedDictionary<string, string> Content(MemoryEngine engine)
    {
        var content = new SortedDictionary<string, string>(StringComparer.Ordinal);
        using var cursor = engine.OpenCursor(Lowest, Highest);
        for (var more = cursor.SeekAtOrAfter(Lowest); more; more = cursor.MoveNext())
        {
            content.Add(cursor.KeyText(), System.Text.Encoding.UTF8.GetString(cursor.Value));
        }

        return content;
    }
}
