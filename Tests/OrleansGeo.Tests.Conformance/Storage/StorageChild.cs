using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Storage.RocksDb;
using Xunit;

namespace OrleansGeo.Tests.Conformance.Storage;

/// <summary>
/// A process that writes numbered batches until it is killed, and prints each number once its batch is durable. Batch n sets "last" to n,
/// puts <see cref="PairsOf"/>(n) pairs, appends entry n to a log, and removes the pairs of batch n - <see cref="Kept"/> as one range and
/// the entry of that batch. Segments are so small that they are used again and again.
/// </summary>
internal static class StorageChild
{
    internal const string Argument = "--storage-child";
    internal const string UntilKilled = "until-killed";
    internal const string UntilFull = "until-full";
    internal const string Failed = "failed";
    internal const int Kept = 50;

    private static readonly byte[] s_last = EngineAssert.B("last");

    internal static async Task<int> RunAsync(string mode, string folder)
    {
        using var engine = Open(folder);
        var kept = string.Equals(mode, UntilFull, StringComparison.Ordinal) ? long.MaxValue : Kept;
        var batch = new WriteBatch();
        try
        {
            for (var number = Last(engine) + 1; ; number++)
            {
                Fill(batch, number, kept);
                engine.Write(batch);
                // Not every batch is synced: a kill must find some that are only written.
                if (number % 3 == 0)
                {
                    await engine.SyncAsync();
                    await Console.Out.WriteLineAsync(number.ToString(CultureInfo.InvariantCulture));
                }
            }
        }
        catch (StorageFailedException) when (string.Equals(mode, UntilFull, StringComparison.Ordinal))
        {
            await Console.Out.WriteLineAsync(engine.Failure is null ? "not failed" : Failed);
            return 0;
        }
    }

    /// <summary>Starts this executable as a child. A file size limit, in KiB, makes its disk look full.</summary>
    internal static Process Start(string mode, string folder, int? fileKibMax = null)
    {
        var executable = Environment.ProcessPath!;
        List<string> command = [executable, Argument, mode, folder];
        if (string.Equals(Path.GetFileNameWithoutExtension(executable), "dotnet", StringComparison.Ordinal))
        {
            command.Insert(1, typeof(StorageChild).Assembly.Location);
        }

        if (fileKibMax is { } limit)
        {
            // Without the signal a write over the limit just fails, after it has written what still fits. sh counts in 512 bytes.
            command.InsertRange(0, ["sh", "-c", $"trap '' XFSZ; ulimit -f {limit * 2}; exec \"$@\"", "sh"]);
        }

        var start = new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardOutput = true, UseShellExecute = false };
        // Otherwise the runtime maps its code through a file that the size limit refuses.
        start.Environment["DOTNET_EnableWriteXorExecute"] = "0";
        return Process.Start(start)!;
    }

    /// <summary>
    /// The number of the last batch in the store, after checking that it and all before it are there as a whole, and nothing else.
    /// </summary>
    internal static long CheckedLast(IStorageEngine engine, long kept = Kept)
    {
        var last = Last(engine);
        var first = Math.Max(1, kept > last ? 1 : last - kept + 1);
        CheckLog(engine, first, last);
        using var cursor = engine.OpenCursor(EngineAssert.B("pair/"), EngineAssert.B("pair0"));
        var more = cursor.SeekAtOrAfter(EngineAssert.Lowest);
        for (var number = first; number <= last; number++)
        {
            for (var pair = 0; pair < PairsOf(number); pair++)
            {
                Assert.True(more, $"a pair of batch {number} is missing; the last is {last}");
                Assert.Equal(KeyOf(number, pair), cursor.Key.ToArray());
                Assert.Equal(ValueOf(number, pair), cursor.Value.ToArray());
                more = cursor.MoveNext();
            }
        }

        Assert.False(more, $"something lies behind batch {last}");
        return last;
    }

    internal static RocksDbEngine Open(string folder) => RocksDbEngine.Open(
        folder, new() { LogKeys = new(EngineAssert.B("log/"), EngineAssert.B("log0"), 12), SegmentBytes = 16 << 10, SegmentsMax = 4 });

    private static void CheckLog(IStorageEngine engine, long first, long last)
    {
        using var cursor = engine.OpenCursor(EngineAssert.B("log/"), EngineAssert.B("log0"));
        var more = cursor.SeekAtOrAfter(EngineAssert.Lowest);
        for (var number = first; number <= last; number++, more = cursor.MoveNext())
        {
            Assert.True(more, $"the log entry of batch {number} is missing; the last is {last}");
            Assert.Equal(EntryOf(number), cursor.Key.ToArray());
            Assert.Equal(ValueOf(number, 0), cursor.Value.ToArray());
        }

        Assert.False(more, $"a log entry lies behind batch {last}");
    }

    private static long Last(IStorageEngine engine) =>
        engine.TryGet(s_last, out var bytes) ? BinaryPrimitives.ReadInt64BigEndian(bytes) : 0;

    private static void Fill(WriteBatch batch, long number, long kept)
    {
        batch.Clear();
        batch.Put(EntryOf(number), ValueOf(number, 0));
        for (var pair = 0; pair < PairsOf(number); pair++)
        {
            batch.Put(KeyOf(number, pair), ValueOf(number, pair));
        }

        batch.Put(s_last, BitConverter.GetBytes(BinaryPrimitives.ReverseEndianness(number)));
        if (number > kept)
        {
            batch.Delete(EntryOf(number - kept));
            batch.DeleteRange(KeyOf(number - kept, 0), KeyOf(number - kept + 1, 0));
        }
    }

    private static int PairsOf(long number) => 1 + (int)(number % 7);

    private static byte[] EntryOf(long number)
    {
        byte[] key = [.. EngineAssert.B("log/"), .. new byte[8]];
        BinaryPrimitives.WriteInt64BigEndian(key.AsSpan(4), number);
        return key;
    }

    private static byte[] KeyOf(long number, int pair) => EngineAssert.B($"pair/{number:D12}/{pair}");

    private static byte[] ValueOf(long number, int pair)
    {
        var value = new byte[(number * 37 % 500) + pair];
        new Prng((ulong)number).Fill(value);
        return value;
    }
}
