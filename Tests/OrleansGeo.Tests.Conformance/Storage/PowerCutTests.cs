using System.Collections.Concurrent;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Storage.RocksDb;
using Xunit;

namespace OrleansGeo.Tests.Conformance.Storage;

/// <summary>
/// Power cuts at random moments. Tables are taken to be durable at once, which is the worst case: they must not hold what the log may lose.
/// Of the log's files every sector is as it is now or as it was when the file was synced last. What is recovered must be every batch up to
/// some point at or behind the last sync, and nothing else.
/// </summary>
public sealed class PowerCutTests : IDisposable
{
    private const int SectorBytes = 512;

    private readonly Scratch _scratch = new();
    private readonly SortedDictionary<string, byte[]> _model = new(StringComparer.Ordinal);
    private readonly List<string> _states = [];
    private readonly WriteBatch _batch = new();
    private readonly ConcurrentDictionary<string, byte[]> _durable = new(StringComparer.Ordinal);
    private long _appended;
    private long _trimmed;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 8)];

    private string Folder => Path.Combine(_scratch.Root, "db");

    private RocksDbOptions Options => new()
    {
        LogKeys = new([0x02], [0x03], 10),
        SegmentBytes = 8 << 10,
        SegmentsMax = 4,
        WriteBufferBytes = 24 << 10,
        Synced = path => _durable[Path.GetFileName(path)] = ReadShared(path),
    };

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task A_power_cut_leaves_every_batch_up_to_some_point(int seed)
    {
        var prng = new Prng((ulong)seed);
        var engine = RocksDbEngine.Open(Folder, Options);
        _states.Add(StateOf(engine));
        var synced = 0;
        for (var step = 0; step < 800; step++)
        {
            Write(engine, prng);
            if (prng.Chance(0.05))
            {
                await engine.SyncAsync();
                synced = _states.Count - 1;
            }

            if (prng.Chance(0.03))
            {
                CheckCut(synced, prng);
            }

            if (prng.Chance(0.02))
            {
                Assert.Equal(_states[^1], StateOf(engine));
            }

            if (prng.Chance(0.01))
            {
                // Nothing is synced or stored by that: as after the death of the process.
                engine.Dispose();
                engine = RocksDbEngine.Open(Folder, Options);
            }
        }

        engine.Dispose();
    }

    private void CheckCut(int synced, Prng prng)
    {
        var image = Path.Combine(_scratch.Root, "cut");
        CopyTables(image);
        foreach (var path in Directory.GetFiles(Path.Combine(Folder, "wal")))
        {
            var name = Path.GetFileName(path);
            var now = ReadShared(path);
            var durable = _durable.GetValueOrDefault(name) ?? new byte[now.Length];
            File.WriteAllBytes(Path.Combine(image, "wal", name), Mix(now, durable, prng));
        }

        using (var recovered = RocksDbEngine.Open(image, Options with { Synced = null }))
        {
            var state = StateOf(recovered);
            var at = _states.LastIndexOf(state);
            Assert.True(at >= synced, $"recovered what was there after batch {at} of {_states.Count - 1}; {synced} were durable");
        }

        Directory.Delete(image, recursive: true);
    }

    private static byte[] Mix(byte[] now, byte[] old, Prng prng)
    {
        var mixed = now.ToArray();
        Array.Resize(ref old, now.Length);
        var loses = prng.Below(100) / 100.0;
        for (var at = 0; at < now.Length; at += SectorBytes)
        {
            if (prng.Chance(loses))
            {
                old.AsSpan(at, Math.Min(SectorBytes, now.Length - at)).CopyTo(mixed.AsSpan(at));
            }
        }

        return mixed;
    }

    // RocksDB goes on meanwhile. What names the tables is copied first: tables made later are then no part of the image.
    private void CopyTables(string image)
    {
        Directory.CreateDirectory(Path.Combine(image, "wal"));
        while (true)
        {
            foreach (var file in Directory.GetFiles(image))
            {
                File.Delete(file);
            }

            try
            {
                foreach (var file in Directory.GetFiles(Folder).OrderBy(RankOf))
                {
                    File.Copy(file, Path.Combine(image, Path.GetFileName(file)));
                }

                return;
            }
            catch (FileNotFoundException)
            {
                // A table was merged away; the next look finds what replaced it.
            }
        }
    }

    private static int RankOf(string file) => Path.GetFileName(file) switch
    {
        "CURRENT" => 0,
        var name when name.StartsWith("MANIFEST", StringComparison.Ordinal) => 1,
        _ => 2,
    };

    private static byte[] ReadShared(string path)
    {
        using var file = File.Open(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    // Rows among few keys, and entries at the end of a log that is trimmed at its start and sometimes cut at its end.
    private void Write(RocksDbEngine engine, Prng prng)
    {
        _batch.Clear();
        for (var i = prng.Below(4); i >= 0; i--)
        {
            byte[] key = [0x04, (byte)prng.Below(30)];
            if (prng.Chance(0.2))
            {
                Delete(key);
            }
            else
            {
                Put(key, prng);
            }
        }

        for (var i = prng.Below(4); i > 0; i--)
        {
            Put(Entry(++_appended), prng);
        }

        if (prng.Chance(0.05))
        {
            for (var cut = Math.Max(_trimmed, _appended - prng.Below(5)); _appended > cut; _appended--)
            {
                Delete(Entry(_appended));
            }
        }

        if (_appended - _trimmed > 40 && prng.Chance(0.3))
        {
            for (var upTo = _appended - 20; _trimmed < upTo;)
            {
                Delete(Entry(++_trimmed));
            }
        }

        engine.Write(_batch);
        _states.Add(Digest(_model));
    }

    private void Put(byte[] key, Prng prng)
    {
        var value = new byte[20 + prng.Below(200)];
        prng.Fill(value);
        _batch.Put(key, value);
        _model[Convert.ToHexString(key)] = value;
    }

    private void Delete(byte[] key)
    {
        _batch.Delete(key);
        _model.Remove(Convert.ToHexString(key));
    }

    private static byte[] Entry(long index)
    {
        byte[] key = [0x02, 0x07, .. new byte[8]];
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(key.AsSpan(2), index);
        return key;
    }

    private static string StateOf(RocksDbEngine engine)
    {
        var pairs = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        using var cursor = engine.OpenCursor(EngineAssert.Lowest, EngineAssert.Highest);
        for (var more = cursor.SeekAtOrAfter(EngineAssert.Lowest); more; more = cursor.MoveNext())
        {
            pairs.Add(Convert.ToHexString(cursor.Key), cursor.Value.ToArray());
        }

        return Digest(pairs);
    }

    private static string Digest(SortedDictionary<string, byte[]> pairs)
    {
        using var hash = System.Security.Cryptography.IncrementalHash.CreateHash(System.Security.Cryptography.HashAlgorithmName.SHA256);
        foreach (var (key, value) in pairs)
        {
            hash.AppendData(Convert.FromHexString(key));
            hash.AppendData(BitConverter.GetBytes(value.Length));
            hash.AppendData(value);
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
