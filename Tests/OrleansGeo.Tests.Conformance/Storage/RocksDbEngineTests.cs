using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Storage.RocksDb;
using Xunit;
using static OrleansGeo.Tests.Conformance.Storage.EngineAssert;

namespace OrleansGeo.Tests.Conformance.Storage;

/// <summary>What only an engine on files and native memory can get wrong.</summary>
public sealed class RocksDbEngineTests : IDisposable
{
    private readonly Scratch _scratch = new();

    private string Folder => Path.Combine(_scratch.Root, "db");

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_missing_library_is_one_sentence_with_the_install_command()
    {
        var options = new RocksDbOptions { LibraryNames = ["librocksdb-that-is-not-there.so.1", "nor-is-this"] };
        var refusal = Assert.Throws<StorageUnavailableException>(() => RocksDbEngine.Open(Folder, options));

        Assert.Contains("apt-get install librocksdb7.8", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
        Assert.False(Directory.Exists(Folder));
    }

    [Fact]
    public void A_folder_that_cannot_be_one_is_refused()
    {
        File.WriteAllText(Folder, "a file");
        Assert.Throws<StorageUnavailableException>(() => RocksDbEngine.Open(Folder));
    }

    [Fact]
    public async Task A_torn_tail_loses_the_batch_it_tears_and_nothing_else()
    {
        await WriteBatchesAsync(unsyncedFrom: 10);
        CutLog();

        using var engine = RocksDbEngine.Open(Folder);
        Assert.Equal("k0 k1 k2 k3 k4 k5 k6 k7 k8 k9", engine.Keys());
    }

    [Fact]
    public async Task Durable_batches_that_are_gone_are_loud()
    {
        await WriteBatchesAsync(unsyncedFrom: 11);
        CutLog();

        AssertRefusedTwice();
    }

    [Fact]
    public async Task A_flipped_bit_in_the_middle_of_the_log_is_loud()
    {
        await WriteBatchesAsync(unsyncedFrom: 11);
        using (var log = OpenLog())
        {
            Flip(log, EndOfData(log) / 2);
        }

        AssertRefusedTwice();
    }

    [Fact]
    public async Task A_flipped_bit_in_a_table_is_found_when_it_is_read()
    {
        await WriteBatchesAsync(unsyncedFrom: 11);
        // Opening moves what the log holds into a table.
        RocksDbEngine.Open(Folder).Dispose();
        using (var table = File.Open(Directory.GetFiles(Folder, "*.sst").Single(), FileMode.Open, FileAccess.ReadWrite))
        {
            Flip(table, 100);
        }

        using var engine = RocksDbEngine.Open(Folder);
        Assert.Throws<StorageCorruptException>(() => engine.Get("k1"));
        using var cursor = engine.OpenCursor("", "z");
        Assert.Throws<StorageCorruptException>(() => cursor.SeekAtOrAfter(B("k")));
        Assert.Throws<StorageCorruptException>(() => cursor.SeekBefore(B("l")));
        Assert.False(cursor.IsValid);
    }

    [Fact]
    public async Task Every_native_object_is_freed()
    {
        var engine = RocksDbEngine.Open(Folder);
        var idle = engine.OpenHandles;
        Assert.True(idle > 0);
        for (var i = 0; i < 200; i++)
        {
            engine.PutAll("a" + i, "b");
            await engine.SyncAsync();
            Assert.NotNull(engine.Get("b"));
            using var snapshot = engine.OpenSnapshot(Lowest, Highest);
            using var cursor = engine.OpenCursor("", "z");
            using var older = snapshot.OpenCursor("", "z");
            Assert.True(cursor.SeekAtOrAfter(B("a")));
            Assert.True(older.SeekBefore(B("z")));
            Assert.True(engine.OpenHandles > idle);
        }

        engine.Checkpoint(Path.Combine(_scratch.Root, "copy"));
        Assert.Equal(idle, engine.OpenHandles);

        var left = (engine.OpenCursor("", "z"), engine.OpenSnapshot(Lowest, Highest).OpenCursor("", "z"));
        Assert.True(engine.OpenHandles > idle);
        engine.Dispose();
        Assert.Equal(0, engine.OpenHandles);
        left.Item1.Dispose();
        left.Item2.Dispose();
        Assert.Equal(0, engine.OpenHandles);
    }

    [Fact]
    public void Reads_and_writes_do_not_grow_the_process()
    {
        using var engine = RocksDbEngine.Open(Folder, new() { WriteBufferBytes = 1 << 20, BlockCacheBytes = 1 << 20 });
        engine.Put("a", new string('x', 16 << 10));
        var before = 0L;
        for (var i = 0; i < 60_000; i++)
        {
            engine.Get("a");
            using var cursor = engine.OpenCursor("", "z");
            cursor.SeekAtOrAfter(B("a"));
            if (i == 10_000)
            {
                before = Environment.WorkingSet;
            }
        }

        // What leaks once in each of 50,000 rounds leaks 800 MB of values, or 150 MB of iterators.
        Assert.InRange(Environment.WorkingSet - before, long.MinValue, 100L << 20);
    }

    [Fact]
    public async Task Syncs_are_measured_and_shared()
    {
        using var engine = RocksDbEngine.Open(Folder);
        var waits = new List<Task>();
        for (var i = 0; i < 1000; i++)
        {
            engine.PutAll("a");
            waits.Add(engine.SyncAsync().AsTask());
        }

        await Task.WhenAll(waits);
        Assert.InRange(engine.SyncLatencies.Count, 1, 1000);
        Assert.True(engine.SyncLatencies.P50Micros <= engine.SyncLatencies.P99Micros);
        Assert.True(engine.SyncLatencies.P99Micros <= engine.SyncLatencies.MaxMicros);
        Assert.True(waits.Distinct().Count() < 1000, "no sync was shared");
    }

    [Fact]
    public async Task A_dispose_finishes_the_syncs_that_were_asked_for()
    {
        var engine = RocksDbEngine.Open(Folder);
        engine.PutAll("a");
        var first = engine.SyncAsync().AsTask();
        var second = engine.SyncAsync().AsTask();
        engine.Dispose();

        await Task.WhenAll(first, second);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await engine.SyncAsync());
    }

    // Eleven batches, k0 to k9 and then k10, which sorts behind k1 and is the one at the end of the log.
    private async Task WriteBatchesAsync(int unsyncedFrom)
    {
        using var engine = RocksDbEngine.Open(Folder);
        for (var i = 0; i < 11; i++)
        {
            if (i == unsyncedFrom)
            {
                await engine.SyncAsync();
            }

            engine.Put("k" + i, new string((char)('a' + i), 200));
        }

        if (unsyncedFrom > 10)
        {
            await engine.SyncAsync();
        }
    }

    private void AssertRefusedTwice()
    {
        var refusal = Assert.Throws<StorageCorruptException>(() => RocksDbEngine.Open(Folder));
        Assert.Contains("lost writes that were durable", refusal.Message, StringComparison.Ordinal);
        Assert.Throws<StorageCorruptException>(() => RocksDbEngine.Open(Folder));
    }

    // The write that a power cut tears ends in whatever was in the file before.
    private void CutLog()
    {
        using var log = OpenLog();
        log.Position = EndOfData(log) - 3;
        log.Write([0, 0, 0]);
    }

    private FileStream OpenLog() =>
        File.Open(Directory.GetFiles(Path.Combine(Folder, "wal"), "*.wal").Single(), FileMode.Open, FileAccess.ReadWrite);

    private static long EndOfData(FileStream log)
    {
        var bytes = new byte[log.Length];
        log.Position = 0;
        log.ReadExactly(bytes);
        return bytes.AsSpan().LastIndexOfAnyExcept((byte)0) + 1;
    }

    private static void Flip(FileStream file, long offset)
    {
        file.Position = offset;
        var value = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(value ^ 0x10));
    }
}
