using System.Text;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using Xunit;
using static OrleansGeo.Tests.Conformance.Storage.EngineAssert;

namespace OrleansGeo.Tests.Conformance.Storage;

/// <summary>What <see cref="IStorageEngine"/> promises, case by case, for every engine.</summary>
public abstract class EngineConformance<THarness> : IDisposable
    where THarness : EngineHarness, new()
{
    protected THarness Harness { get; } = new();

    public void Dispose()
    {
        Harness.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void A_value_that_was_put_is_read_and_one_that_was_not_is_absent()
    {
        using var engine = Harness.Open();
        engine.Put("a", "1");
        engine.Put("empty", "");
        engine.Put("a", "2");

        Assert.Equal("2", engine.Get("a"));
        Assert.Equal("", engine.Get("empty"));
        Assert.Null(engine.Get("b"));
        Assert.False(engine.TryGet(B("b"), out var value));
        Assert.Empty(value);
    }

    [Fact]
    public void The_empty_key_is_a_key()
    {
        using var engine = Harness.Open();
        engine.PutAll("", "a");

        Assert.Equal("=", engine.Get(""));
        Assert.Equal(" a", engine.Keys());
    }

    [Fact]
    public void A_value_that_was_read_is_the_readers_to_change()
    {
        using var engine = Harness.Open();
        engine.Put("a", "1");
        Assert.True(engine.TryGet(B("a"), out var value));
        value[0] = (byte)'9';

        Assert.Equal("1", engine.Get("a"));
    }

    [Fact]
    public void A_batch_may_be_used_again_after_the_write()
    {
        using var engine = Harness.Open();
        var batch = new WriteBatch();
        batch.Put(B("a"), B("1"));
        engine.Write(batch);
        batch.Clear();
        batch.Put(B("b"), B("2"));
        engine.Write(batch);

        Assert.Equal("1", engine.Get("a"));
        Assert.Equal("2", engine.Get("b"));
    }

    [Fact]
    public void Operations_of_a_batch_apply_in_their_order()
    {
        using var engine = Harness.Open();
        engine.PutAll("a", "c", "x");
        var batch = new WriteBatch();
        batch.Put(B("b"), B("early"));
        batch.DeleteRange(B("a"), B("d"));
        batch.Put(B("c"), B("late"));
        batch.Delete(B("x"));
        batch.Put(B("x"), B("again"));
        batch.Put(B("y"), B("gone"));
        batch.Delete(B("y"));
        engine.Write(batch);

        Assert.Equal("c x", engine.Keys());
        Assert.Equal("late", engine.Get("c"));
        Assert.Equal("again", engine.Get("x"));
    }

    [Fact]
    public void Keys_are_ordered_as_unsigned_bytes()
    {
        using var engine = Harness.Open();
        var batch = new WriteBatch();
        byte[][] keys = [[0x80], [0x7F], [0xFF, 0x00], [0x00], [0x00, 0x00], [0x7F, 0xFF], []];
        foreach (var key in keys)
        {
            batch.Put(key, key);
        }

        engine.Write(batch);
        using var cursor = engine.OpenCursor(Lowest, Highest);
        var seen = new List<string>();
        for (var more = cursor.SeekAtOrAfter(Lowest); more; more = cursor.MoveNext())
        {
            seen.Add(Convert.ToHexString(cursor.Key));
            Assert.True(cursor.Key.SequenceEqual(cursor.Value));
        }

        Assert.Equal(["", "00", "0000", "7F", "7FFF", "80", "FF00"], seen);
    }

    [Fact]
    public void A_cursor_keeps_inside_its_bounds_in_both_directions()
    {
        using var engine = Harness.Open();
        engine.PutAll("a", "b", "d", "f", "g");
        using var cursor = engine.OpenCursor("b", "f");

        Assert.False(cursor.IsValid);
        Assert.True(cursor.SeekAtOrAfter(B("a")));
        Assert.Equal("b", cursor.KeyText());
        Assert.False(cursor.MovePrevious());
        Assert.False(cursor.IsValid);
        Assert.True(cursor.SeekBefore(B("z")));
        Assert.Equal("d", cursor.KeyText());
        Assert.False(cursor.MoveNext());
        Assert.False(cursor.SeekAtOrAfter(B("e")));
        Assert.False(cursor.SeekBefore(B("b")));
        Assert.False(cursor.SeekBefore(B("a")));
        Assert.True(cursor.SeekBefore(B("f")));
        Assert.Equal("d", cursor.KeyText());
    }

    [Fact]
    public void A_cursor_turns_around_anywhere()
    {
        using var engine = Harness.Open();
        engine.PutAll("a", "b", "c", "d");
        using var cursor = engine.OpenCursor("", "z");

        Assert.True(cursor.SeekBefore(B("c")));
        Assert.Equal("b", cursor.KeyText());
        Assert.True(cursor.MoveNext());
        Assert.Equal("c", cursor.KeyText());
        Assert.True(cursor.MoveNext());
        Assert.True(cursor.MovePrevious());
        Assert.True(cursor.MovePrevious());
        Assert.Equal("b", cursor.KeyText());
        Assert.Equal("=b", Encoding.UTF8.GetString(cursor.Value));
        Assert.True(cursor.SeekAtOrAfter(B("bb")));
        Assert.Equal("c", cursor.KeyText());
    }

    [Fact]
    public void A_cursor_that_stands_nowhere_neither_moves_nor_shows_a_pair()
    {
        using var engine = Harness.Open();
        engine.PutAll("a");
        using var cursor = engine.OpenCursor("", "z");

        Assert.False(cursor.MoveNext());
        Assert.False(cursor.MovePrevious());
        Assert.Throws<InvalidOperationException>(() => cursor.Key.Length);
        Assert.Throws<InvalidOperationException>(() => cursor.Value.Length);
    }

    [Theory]
    [InlineData("c", "c")]
    [InlineData("d", "b")]
    public void An_empty_span_holds_nothing(string start, string end)
    {
        using var engine = Harness.Open();
        engine.PutAll("a", "b", "c", "d");
        using var cursor = engine.OpenCursor(start, end);
        Assert.False(cursor.SeekAtOrAfter(B("a")));
        Assert.False(cursor.SeekBefore(B("z")));
        Assert.Equal(0, engine.EstimateBytes(B(start), B(end)));

        var batch = new WriteBatch();
        batch.DeleteRange(B(start), B(end));
        batch.Put(B("e"), B("1"));
        engine.Write(batch);
        Assert.Equal("a b c d e", engine.Keys());
    }

    [Fact]
    public void A_cursor_sees_the_moment_it_was_opened()
    {
        using var engine = Harness.Open();
        engine.PutAll("a", "b", "c");
        using var cursor = engine.OpenCursor("", "z");
        engine.Put("b", "new");
        engine.PutAll("bb", "d");
        var batch = new WriteBatch();
        batch.Delete(B("a"));
        engine.Write(batch);

        Assert.True(cursor.SeekAtOrAfter(B("b")));
        Assert.Equal("=b", Encoding.UTF8.GetString(cursor.Value));
        Assert.Equal("a b c", cursor.Rest());
        Assert.Equal("b bb c d", engine.Keys());
    }

    [Fact]
    public void A_snapshot_does_not_change_and_its_cursors_outlive_it()
    {
        using var engine = Harness.Open();
        engine.PutAll("a", "b", "c");
        var snapshot = engine.OpenSnapshot(Lowest, Highest);
        var batch = new WriteBatch();
        batch.DeleteRange(B("a"), B("z"));
        batch.Put(B("n"), B("1"));
        engine.Write(batch);

        Assert.Equal("=b", snapshot.Get("b"));
        Assert.Null(snapshot.Get("n"));
        Assert.Equal("a b c", snapshot.Keys());
        Assert.Equal("n", engine.Keys());

        using var cursor = snapshot.OpenCursor("", "z");
        snapshot.Dispose();
        engine.PutAll("a", "bb");
        Assert.Equal("a b c", cursor.Rest());
        Assert.Throws<ObjectDisposedException>(() => snapshot.Get("a"));
    }

    [Fact]
    public void A_range_delete_takes_its_start_and_leaves_its_end()
    {
        using var engine = Harness.Open();
        engine.PutAll("a", "b", "bb", "c", "d");
        var batch = new WriteBatch();
        batch.DeleteRange(B("b"), B("c"));
        engine.Write(batch);

        Assert.Equal("a c d", engine.Keys());
        Assert.Null(engine.Get("bb"));
        engine.PutAll("bb");
        Assert.Equal("a bb c d", engine.Keys());
    }

    [Theory]
    [InlineData(3_000)]
    [InlineData(10_000)]
    public void A_range_delete_of_many_keys_takes_them_all(int count)
    {
        using var engine = Harness.Open();
        var batch = new WriteBatch();
        for (var i = 0; i < count; i++)
        {
            batch.Put(B($"k{i:D6}"), B("1"));
        }

        engine.Write(batch);
        batch.Clear();
        batch.Put(B("k000001x"), B("put first"));
        batch.DeleteRange(B("k000001"), B($"k{count - 1:D6}"));
        batch.Put(B("k000002"), B("put last"));
        batch.DeleteRange(B("k000001"), B("k000001y"));
        engine.Write(batch);
        Assert.Equal($"k000000 k000002 k{count - 1:D6}", engine.Keys());
    }

    [Fact]
    public async Task What_was_written_is_there_after_a_clean_restart()
    {
        using (var engine = Harness.Open())
        {
            engine.PutAll("a", "b");
            await engine.SyncAsync();
            engine.PutAll("c");
        }

        using var again = Harness.Open();
        Assert.Equal("a b c", again.Keys());
    }

    [Fact]
    public void A_store_is_open_once()
    {
        using (Harness.Open())
        {
            var refusal = Assert.Throws<StorageUnavailableException>(Harness.Open);
            Assert.Contains("in use", refusal.Message, StringComparison.Ordinal);
        }

        Harness.Open().Dispose();
    }

    [Fact]
    public void A_disposed_engine_refuses_and_takes_its_cursors_and_snapshots_with_it()
    {
        var engine = Harness.Open();
        engine.PutAll("a");
        var cursor = engine.OpenCursor("", "z");
        var snapshot = engine.OpenSnapshot(Lowest, Highest);
        engine.Dispose();
        engine.Dispose();

        Assert.Throws<ObjectDisposedException>(() => engine.Get("a"));
        Assert.Throws<ObjectDisposedException>(() => engine.PutAll("b"));
        Assert.Throws<ObjectDisposedException>(() => cursor.SeekAtOrAfter(B("a")));
        Assert.Throws<ObjectDisposedException>(() => snapshot.Get("a"));
        cursor.Dispose();
        snapshot.Dispose();
    }

    [Fact]
    public async Task A_sync_continues_on_the_scheduler_that_waits_for_it()
    {
        using var engine = Harness.Open();
        var scheduler = new ConcurrentExclusiveSchedulerPair().ExclusiveScheduler;
        var work = Task.Factory.StartNew(
            async () =>
            {
                for (var i = 0; i < 20; i++)
                {
                    engine.PutAll("a");
                    await engine.SyncAsync();
                    Assert.Same(scheduler, TaskScheduler.Current);
                }
            },
            TestContext.Current.CancellationToken, TaskCreationOptions.None, scheduler);

        await await work;
    }

    [Fact]
    public void An_estimate_follows_the_bytes_of_a_span()
    {
        using var engine = Harness.Open();
        var value = new byte[1000];
        var prng = new Prng(1);
        for (var i = 0; i < 8000; i++)
        {
            prng.Fill(value);
            var batch = new WriteBatch();
            batch.Put(B($"{i % 4}/{i:D6}"), value);
            engine.Write(batch);
        }

        AssertQuarters(engine);
        engine.Dispose();
        using var again = Harness.Open();
        AssertQuarters(again);
    }

    [Fact]
    public void A_checkpoint_is_a_store_of_that_moment()
    {
        using var engine = Harness.Open();
        engine.PutAll("a", "b");
        var folder = Harness.NewFolder();
        if (!Harness.KeepsFiles)
        {
            Assert.Throws<NotSupportedException>(() => engine.Checkpoint(folder));
            return;
        }

        engine.Checkpoint(folder);
        engine.PutAll("c");
        using var copy = Harness.OpenAt(folder);
        copy.PutAll("d");
        Assert.Equal("a b d", copy.Keys());
        Assert.Equal("a b c", engine.Keys());
        Assert.Throws<IOException>(() => engine.Checkpoint(folder));
        Assert.Null(engine.Failure);
    }

    [Fact]
    public async Task A_full_disk_fails_the_engine_for_good_and_loses_nothing_durable()
    {
        using (var engine = Harness.Open())
        {
            engine.PutAll("a", "b");
            await engine.SyncAsync();
            Harness.FillDisk();

            Assert.Throws<StorageFailedException>(() => engine.PutAll("c", "d"));
            await AssertFailedAsync(engine);
        }

        using var again = Harness.Open();
        Assert.Equal("a b", again.Keys());
    }

    [Fact]
    public async Task A_failed_sync_fails_the_engine_for_good()
    {
        using (var engine = Harness.Open())
        {
            engine.PutAll("a");
            await engine.SyncAsync();
            engine.PutAll("b");
            Harness.BreakSync();

            await Assert.ThrowsAsync<StorageFailedException>(async () => await engine.SyncAsync());
            await AssertFailedAsync(engine);
        }

        using var again = Harness.Open();
        Assert.Equal("=a", again.Get("a"));
    }

    private static async Task AssertFailedAsync(IStorageEngine engine)
    {
        Assert.IsType<StorageFailedException>(engine.Failure);
        Assert.Throws<StorageFailedException>(() => engine.PutAll("x"));
        Assert.Throws<StorageFailedException>(() => engine.Get("a"));
        Assert.Throws<StorageFailedException>(() => engine.OpenCursor("", "z"));
        Assert.Throws<StorageFailedException>(() => engine.OpenSnapshot(Lowest, Highest));
        Assert.Throws<StorageFailedException>(() => engine.EstimateBytes(B("a"), B("z")));
        await Assert.ThrowsAsync<StorageFailedException>(async () => await engine.SyncAsync());
    }

    private static void AssertQuarters(IStorageEngine engine)
    {
        for (var i = 0; i < 4; i++)
        {
            Assert.InRange(engine.EstimateBytes(B($"{i}/"), B($"{i + 1}/")), 1_200_000, 3_000_000);
        }

        Assert.InRange(engine.EstimateBytes(B("0"), B("9")), 6_000_000, 11_000_000);
        Assert.InRange(engine.EstimateBytes(B("x"), B("z")), 0, 100_000);
    }
}

public sealed class MemoryEngineConformance : EngineConformance<MemoryHarness>;

public sealed class RocksDbEngineConformance : EngineConformance<RocksDbHarness>;

public sealed class RocksDbLogsEngineConformance : EngineConformance<RocksDbLogsHarness>;

public sealed class RocksDbShortLogsEngineConformance : EngineConformance<RocksDbShortLogsHarness>;
