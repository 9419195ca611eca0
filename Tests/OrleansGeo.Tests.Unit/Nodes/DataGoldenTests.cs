using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;
using OrleansGeo.Storage;
using OrleansGeo.Storage.RocksDb;
using Xunit;

namespace OrleansGeo.Tests.Unit.Nodes;

/// <summary>
/// Data directories of whole clusters, kept for every format that was ever written: a folder for each node, as RocksDB left it, and beside
/// them what is to be found there. GEO_REWRITE=1 writes that of today's format anew; those of older formats stay as they are.
/// </summary>
public sealed class DataGoldenTests : IAsyncLifetime
{
    private const int FormatToday = 1;
    private const string Found = "found.txt";
    private const int TotalBytesMax = 200_000;

    private static readonly DateTimeOffset s_written = new(2025, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly TableRef s_table = new("golden", "kinds");

    private static readonly ImmutableArray<(string Name, Datum First, Datum Second)> s_columns =
    [
        ("string", Datum.FromString(""), Datum.FromString("Zürich \U0001F600\0.")),
        ("int64", Datum.FromInt64(long.MinValue), Datum.FromInt64(42)),
        ("float64", Datum.FromFloat64(-0.1), Datum.FromFloat64(double.Epsilon)),
        ("decimal", Datum.FromDecimal(-12.50m), Datum.FromDecimal(decimal.MaxValue)),
        ("bool", Datum.FromBool(false), Datum.FromBool(true)),
        ("uuid", Datum.FromUuid(Guid.Empty), Datum.FromUuid(new("0f8fad5b-d9cb-469f-a165-70867728950e"))),
        ("timestamp", Datum.FromTimestamp(Datum.UnixSecondsMin, 1), Datum.FromTimestamp(1_735_689_600, 999_999_999)),
        ("bytes", Datum.FromBytes([]), Datum.FromBytes([0, 255, 1])),
        ("json", Datum.FromJson("null"), Datum.FromJson("""{"a":[1,true,"b"]}""")),
    ];

    // Once, before any test looks at it.
    private static readonly Lazy<Task> s_rewritten = new(() => Environment.GetEnvironmentVariable("GEO_REWRITE") == "1"
        ? RewriteAsync(Golden($"data-v{FormatToday}"))
        : Task.CompletedTask);

    private readonly string _scratch = Directory.CreateTempSubdirectory("geo-golden-").FullName;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string> Formats => [.. Directory.GetDirectories(Golden()).Select(path => Path.GetFileName(path)!)];

    public ValueTask InitializeAsync() => new(s_rewritten.Value);

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_scratch, true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public void Todays_format_is_kept_with_every_kind_of_record_in_it()
    {
        var folder = Golden($"data-v{FormatToday}");
        var files = Directory.GetFiles(folder, "*", SearchOption.AllDirectories);
        Assert.InRange(files.Sum(file => new FileInfo(file).Length), 1, TotalBytesMax);
        Assert.Contains(files, file => file.EndsWith(".sst", StringComparison.Ordinal));

        Copy(folder, _scratch);
        var kinds = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var node in Directory.GetDirectories(_scratch))
        {
            using var storage = RocksDbEngine.Open(node);
            Assert.Equal(FormatToday, Get(storage, "i")[0]);
            using var cursor = storage.OpenCursor([], [0xff]);
            for (cursor.SeekAtOrAfter([]); cursor.IsValid; cursor.MoveNext())
            {
                kinds.Add(cursor.Key[0] switch
                {
                    1 => $"node {(char)cursor.Key[1]}",
                    2 => $"replica {cursor.Key[9]}",
                    var other => $"keyspace {other}",
                });
            }
        }

        Assert.Equal(
            [
                "keyspace 3", "keyspace 4", "node h", "node i", "node n", "node s",
                "replica 1", "replica 2", "replica 3", "replica 4", "replica 5",
            ],
            kinds);
    }

    [Theory]
    [MemberData(nameof(Formats), DisableDiscoveryEnumeration = true)]
    public async Task Data_of_every_written_format_is_read_and_goes_on(string format)
    {
        var expected = File.ReadAllText(Path.Combine(Golden(format), Found));
        Copy(Golden(format), _scratch);
        Assert.True(HlcTimestamp.TryParse(expected.AsSpan(5, expected.IndexOf('\n', StringComparison.Ordinal) - 5), out var then));
        await using (var cluster = await GoldenCluster.StartAsync(_scratch, s_written.AddHours(1)))
        {
            for (var node = 1; node <= 4; node++)
            {
                Assert.Equal(expected, await DescribeAsync(cluster, node, then));
            }

            await PutAsync(cluster, 3, "new", s_columns[1].Second, s_columns[0].First);
        }

        await using var again = await GoldenCluster.StartAsync(_scratch, s_written.AddHours(2));
        var row = await again.AskAsync(
            2, (store, options) => store.ReadRowAsync(s_table, [Datum.FromString("new")], ReadBound.Strong, options, Cancellation));
        Assert.Equal(s_columns[1].Second, row.Row["int64"]);
    }

    [Theory]
    [InlineData(FormatToday + 1)]
    [InlineData(byte.MaxValue)]
    public async Task A_node_refuses_data_of_a_newer_format_and_leaves_it_as_it_is(byte format)
    {
        await SetAsync("n2", [1, (byte)'i'], format);
        var refusal = await Assert.ThrowsAsync<StorageUnavailableException>(
            () => GoldenCluster.StartAsync(_scratch, s_written.AddHours(1)));
        Assert.Equal(
            $"The data of node n2 has format {format}, and this build reads up to {FormatToday}; use a newer build.", refusal.Message);
        using var storage = RocksDbEngine.Open(Path.Combine(_scratch, "n2"));
        Assert.Equal(format, Get(storage, "i")[0]);
        Assert.Equal(2, new CodecReader(Get(storage, "n")).ReadInt64());
    }

    [Fact]
    public async Task A_replica_record_of_a_newer_format_is_refused_by_name()
    {
        await SetAsync("n1", [2, 0, 0, 0, 0, 0, 0, 0, 1, 2], 9);
        var refusal = await Assert.ThrowsAsync<CodecException>(() => GoldenCluster.StartAsync(_scratch, s_written.AddHours(1)));
        Assert.Contains("a replica record", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("format version 9", refusal.Message, StringComparison.Ordinal);
    }

    private static async Task RewriteAsync(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, true);
        }

        HlcTimestamp then;
        await using (var cluster = await GoldenCluster.StartAsync(folder, s_written))
        {
            then = await FillAsync(cluster);
        }

        // Again, so that there are both files of sorted records and logs that were never sorted.
        await using (var cluster = await GoldenCluster.StartAsync(folder, s_written.AddMinutes(1)))
        {
            await PutAsync(cluster, 2, "k07", s_columns[1].First, Datum.FromString("replaced"));
            await PutAsync(cluster, 4, "late", s_columns[1].Second, s_columns[0].Second);
            File.WriteAllText(Path.Combine(folder, Found), await DescribeAsync(cluster, 1, then));
        }

        // What RocksDB writes anew whenever it opens a database.
        foreach (var file in Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
        {
            var name = Path.GetFileName(file);
            if (name == "LOCK" || name.StartsWith("LOG", StringComparison.Ordinal) || name.StartsWith("OPTIONS", StringComparison.Ordinal))
            {
                File.Delete(file);
            }
        }
    }

    // Answers with a moment before rows were deleted and replaced.
    private static async Task<HlcTimestamp> FillAsync(GoldenCluster cluster)
    {
        await cluster.AskAsync(
            1, (store, options) => store.CreateDatabaseAsync(new(s_table.Database, "us-east1", ["us-east1"]), options, Cancellation));
        ColumnSpec[] columns =
        [
            new("k", DatumType.String, Nullable: false),
            .. s_columns.Select(column => new ColumnSpec(column.Name, column.First.Type)),
        ];
        var table = new TableSpec(s_table.Table, [.. columns], ["k"], new TableLocality.Regional());
        await cluster.AskAsync(1, (store, options) => store.CreateTableAsync(s_table.Database, table, options, Cancellation));
        var then = HlcTimestamp.Zero;
        for (var i = 0; i < 12; i++)
        {
            var values = s_columns.Where((_, at) => at != i).Select(c => KeyValuePair.Create(c.Name, i % 2 == 0 ? c.First : c.Second));
            then = (await WriteAsync(cluster, 1 + (i % 4), WriteKind.Put, $"k{i:D2}", [.. values])).Version;
        }

        var range = (await RangesAsync(cluster, 1))[0].Id;
        await cluster.AskAsync(
            1, (store, options) => store.SplitRangeAsync(range, [Datum.FromString("k06")], options, Cancellation));
        await WriteAsync(cluster, 1, WriteKind.Delete, "k03", []);
        await WriteAsync(cluster, 2, WriteKind.Merge, "k05", [KeyValuePair.Create("bool", Datum.Null)]);
        await cluster.MoveAsync(s_table);
        await RepeatableAsync(cluster, 4);
        return then;
    }

    private static async Task<string> DescribeAsync(GoldenCluster cluster, int node, HlcTimestamp then)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"then {then}\n");
        await DescribeRowsAsync(cluster, node, new ReadBound.At(then), text);
        text.Append("now\n");
        await DescribeRowsAsync(cluster, node, ReadBound.Strong, text);
        foreach (var range in await RangesAsync(cluster, node))
        {
            var replicas = string.Join(", ", range.Replicas.Select(replica => $"{replica.Node} {replica.Role}"));
            text.Append(
                CultureInfo.InvariantCulture, $"range {range.Id} from {range.Start} to {range.End}, {range.Generation}: {replicas}\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"repeated {await RepeatableAsync(cluster, node)}\n");
        return text.ToString();
    }

    private static async Task DescribeRowsAsync(GoldenCluster cluster, int node, ReadBound bound, StringBuilder text)
    {
        var scan = new ScanRequest([], null, null, [], false, 100, null);
        var page = await cluster.AskAsync(node, (store, options) => store.ScanAsync(s_table, scan, bound, options, Cancellation));
        foreach (var row in page.Rows)
        {
            var values = string.Join(", ", row.Row.Values.Skip(1).Select(value => $"{value.Key} {value.Value}"));
            text.Append(CultureInfo.InvariantCulture, $"  {row.Key[0]} at {row.Version}: {values}\n");
        }
    }

    // The same request every time: the first makes it, the others find its record and change nothing.
    private static async Task<HlcTimestamp> RepeatableAsync(GoldenCluster cluster, int node) =>
        (await WriteAsync(cluster, node, WriteKind.Put, "once", [KeyValuePair.Create("int64", s_columns[1].Second)], "request-1")).Version;

    private static Task<WriteResult> PutAsync(GoldenCluster cluster, int node, string key, Datum number, Datum text) =>
        WriteAsync(cluster, node, WriteKind.Put, key, [KeyValuePair.Create("int64", number), KeyValuePair.Create("string", text)]);

    private static Task<WriteResult> WriteAsync(
        GoldenCluster cluster, int node, WriteKind kind, string key, ImmutableArray<KeyValuePair<string, Datum>> values,
        string? idempotencyKey = null)
    {
        var write = new RowWrite(kind, [Datum.FromString(key)], values, Precondition.None);
        return cluster.AskAsync(
            node, (store, options) => store.WriteRowAsync(
                s_table, write, options with { IdempotencyKey = idempotencyKey }, Cancellation));
    }

    private static async Task<ImmutableArray<RangeInfo>> RangesAsync(GoldenCluster cluster, int node) =>
        (await cluster.AskAsync(node, (store, options) => store.ListRangesAsync(s_table, options, Cancellation))).Items;

    private static byte[] Get(RocksDbEngine storage, string record)
    {
        Assert.True(storage.TryGet([1, (byte)record[0]], out var value));
        return value;
    }

    // A copy of today's data in which one record has another format.
    private async Task SetAsync(string node, byte[] key, byte format)
    {
        Copy(Golden($"data-v{FormatToday}"), _scratch);
        using var storage = RocksDbEngine.Open(Path.Combine(_scratch, node));
        Assert.True(storage.TryGet(key, out var value));
        Assert.Equal(1, value[0]);
        value[0] = format;
        var batch = new WriteBatch();
        batch.Put(key, value);
        storage.Write(batch);
        await storage.SyncAsync();
    }

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    private static string Golden(string name = "", [CallerFilePath] string here = "") =>
        Path.Combine(Path.GetDirectoryName(here)!, "golden", name);
}
