using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Storage.RocksDb;
using Xunit;
using static OrleansGeo.Tests.Conformance.Storage.EngineAssert;

namespace OrleansGeo.Tests.Conformance.Storage;

/// <summary>The write-ahead log's segments, and the log entries that never leave them.</summary>
public sealed class WriteAheadLogTests : IDisposable
{
    private static readonly RocksDbOptions s_small = new()
    {
        LogKeys = new(B("log/"), B("log0"), 12),
        SegmentBytes = 16 << 10,
        SegmentsMax = 4,
        WriteBufferBytes = 64 << 10,
    };

    private readonly Scratch _scratch = new();

    private string Folder => Path.Combine(_scratch.Root, "db");

    private string[] Segments => [.. Directory.GetFiles(Path.Combine(Folder, "wal"), "*.wal").Order(StringComparer.Ordinal)];

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Segments_are_used_again()
    {
        using (var engine = RocksDbEngine.Open(Folder, s_small))
        {
            for (var i = 0; i < 1000; i++)
            {
                engine.Put("k" + (i % 7), new string((char)('a' + (i % 26)), 2000));
            }
        }

        // 2 MB went through segments of 16 KiB. While tables are being made there may be twice as many.
        Assert.InRange(Segments.Length, 2, (2 * s_small.SegmentsMax) + 1);
        using var again = RocksDbEngine.Open(Folder, s_small);
        for (var i = 993; i < 1000; i++)
        {
            Assert.Equal(new string((char)('a' + (i % 26)), 2000), again.Get("k" + (i % 7)));
        }
    }

    [Fact]
    public void Log_entries_that_are_removed_soon_never_reach_a_table()
    {
        using (var engine = RocksDbEngine.Open(Folder, s_small))
        {
            AppendAndTrim(engine, "log/", 2000);
        }

        Assert.Empty(Directory.GetFiles(Folder, "*.sst"));
        using var again = RocksDbEngine.Open(Folder, s_small);
        Assert.Equal(10, CountOf(again, "log/", "log0"));
    }

    [Fact]
    public void Keys_beside_logs_do_reach_tables()
    {
        using var engine = RocksDbEngine.Open(Folder, s_small);
        AppendAndTrim(engine, "row/", 2000);
        Assert.NotEmpty(Directory.GetFiles(Folder, "*.sst"));
        Assert.Equal(10, CountOf(engine, "row/", "row0"));
    }

    [Fact]
    public void Log_entries_that_stay_leave_their_segment_and_are_still_there()
    {
        using var engine = RocksDbEngine.Open(Folder, s_small);
        var batch = new WriteBatch();
        batch.Put(Entry("log/", 1), new byte[500]);
        engine.Write(batch);
        AppendAndTrim(engine, "log/", 2000, from: 2);

        Assert.InRange(Segments.Length, 2, (2 * s_small.SegmentsMax) + 1);
        Assert.Equal(11, CountOf(engine, "log/", "log0"));

        batch.Clear();
        batch.Delete(Entry("log/", 1));
        engine.Write(batch);
        Assert.Equal(10, CountOf(engine, "log/", "log0"));
    }

    [Fact]
    public void A_segment_that_was_stored_is_not_needed_by_a_later_start()
    {
        using (var engine = RocksDbEngine.Open(Folder, s_small))
        {
            for (var i = 0; i < 24; i++)
            {
                engine.Put("k" + i, new string('x', 2000));
            }
        }

        var stored = Segments;
        RocksDbEngine.Open(Folder, s_small).Dispose();
        foreach (var segment in stored)
        {
            // The last start may have begun its own in one of them.
            if (File.ReadAllBytes(segment).AsSpan().IndexOf(B(new string('x', 2000))) >= 0)
            {
                File.Delete(segment);
            }
        }

        using var again = RocksDbEngine.Open(Folder, s_small);
        Assert.Equal(24, CountOf(again, "k", "l"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_segment_that_is_gone_is_loud(int gone)
    {
        using (var engine = RocksDbEngine.Open(Folder, s_small))
        {
            for (var i = 0; i < 24; i++)
            {
                engine.Put("k" + i, new string('x', 2000));
            }
        }

        Assert.InRange(Segments.Length, 3, 4);
        File.Delete(Segments[gone]);
        var refusal = Assert.Throws<StorageCorruptException>(() => RocksDbEngine.Open(Folder, s_small));
        Assert.Contains("lost writes that were durable", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_young_entry_that_cannot_be_read_is_loud()
    {
        using var engine = RocksDbEngine.Open(Folder, s_small);
        AppendAndTrim(engine, "log/", 10);
        using (var segment = File.Open(Segments.Single(), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            segment.Position = 2500;
            segment.WriteByte(0xFF);
        }

        Assert.Throws<StorageCorruptException>(() => engine.OpenCursor(B("log/"), B("log0")));
        Assert.Throws<StorageCorruptException>(() => engine.TryGet(Entry("log/", 10), out _));
    }

    [Fact]
    public void A_log_that_is_gone_is_loud()
    {
        using (var engine = RocksDbEngine.Open(Folder, s_small))
        {
            // Enough for a table.
            for (var i = 0; i < 100; i++)
            {
                engine.Put("k" + i, new string('x', 2000));
            }
        }

        Directory.Delete(Path.Combine(Folder, "wal"), recursive: true);
        var refusal = Assert.Throws<StorageCorruptException>(() => RocksDbEngine.Open(Folder, s_small));
        Assert.Contains("its write-ahead log, is gone", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_batch_larger_than_a_segment_is_taken()
    {
        var large = new string('l', 100_000);
        using (var engine = RocksDbEngine.Open(Folder, s_small))
        {
            engine.Put("a", "1");
            engine.Put("large", large);
            engine.Put("z", "2");
        }

        using var again = RocksDbEngine.Open(Folder, s_small);
        Assert.Equal("a large z", again.Keys());
        Assert.Equal(large, again.Get("large"));
    }

    [Fact]
    public void A_store_without_its_log_keys_named_reads_the_same()
    {
        using (var engine = RocksDbEngine.Open(Folder, s_small))
        {
            AppendAndTrim(engine, "log/", 300);
        }

        using var plain = RocksDbEngine.Open(Folder);
        Assert.Equal(10, CountOf(plain, "log/", "log0"));
    }

    private static void AppendAndTrim(RocksDbEngine engine, string name, long count, long from = 1)
    {
        var batch = new WriteBatch();
        for (var i = from; i < from + count; i++)
        {
            batch.Clear();
            batch.Put(Entry(name, i), new byte[500]);
            if (i - 10 >= from)
            {
                batch.Delete(Entry(name, i - 10));
            }

            engine.Write(batch);
        }
    }

    private static byte[] Entry(string name, long index)
    {
        byte[] key = [.. B(name), .. new byte[8]];
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(key.AsSpan(4), index);
        return key;
    }

    private static int CountOf(RocksDbEngine reader, string start, string end)
    {
        var count = 0;
        using var cursor = reader.OpenCursor(B(start), B(end));
        for (var more = cursor.SeekAtOrAfter(B(start)); more; more = cursor.MoveNext())
        {
            count++;
        }

        return count;
    }
}
