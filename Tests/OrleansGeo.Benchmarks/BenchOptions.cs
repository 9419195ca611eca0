using System.Collections.Immutable;
using System.Globalization;

namespace OrleansGeo.Benchmarks;

/// <summary>What was asked for on the command line.</summary>
internal sealed record BenchOptions
{
    private const string Usage = """
        usage: bench kv|bank|idle [options]
          kv     durable replicated puts/s and strong gets/s, three nodes, through the gateway and through REST
          bank   transactions: transfers between accounts, one-row transactions beside puts, all clients on one account
          idle   what ranges cost that nobody uses
          --seconds N          length of each measurement after the warm-up (5; idle: 10)
          --warmup N           seconds before it (2)
          --clients A,B,...    closed-loop clients (1,64,1000)
          --ranges A,B,...     kv: ranges of the table, one run each (64,1); idle: how many (10000)
          --rows N             kv: rows of the table (100000)
          --only WORD          kv: gateway or rest, put or get; bank: put, one-row, transfer or hot
          --metrics on|off     whether the nodes' metrics are listened to, as on every node with a /metrics page (on)
          --keep-versions N    seconds for which old versions are kept, so that they are collected meanwhile (25 hours)
          --dir DIR            where the nodes keep their data; emptied folders are deleted at the end (artifacts/bench)
        """;

    public required string Name { get; init; }

    public int Seconds { get; init; } = 5;

    public int WarmupSeconds { get; init; } = 2;

    public ImmutableArray<int> Clients { get; init; } = [1, 64, 1000];

    public ImmutableArray<int> Ranges { get; init; } = [64, 1];

    public int Rows { get; init; } = 100_000;

    public string? Only { get; init; }

    public bool Metrics { get; init; } = true;

    public int? KeepVersionsSeconds { get; init; }

    public string? Folder { get; init; }

    /// <summary>Null when the arguments make no sense; the error says why.</summary>
    public static BenchOptions? Parse(string[] args, TextWriter error)
    {
        var options = args.Length == 0 || args[0] == "kv" ? new BenchOptions { Name = "kv" }
            : args[0] == "bank" ? new BenchOptions { Name = "bank", Ranges = [64] }
            : args[0] == "idle" ? new BenchOptions { Name = "idle", Ranges = [10_000], Seconds = 10 }
            : null;
        for (var i = 1; options is not null && i < args.Length; i += 2)
        {
            options = i + 1 < args.Length ? options.With(args[i], args[i + 1]) : null;
        }

        if (options is null)
        {
            error.WriteLine(Usage);
        }

        return options;
    }

    private BenchOptions? With(string name, string value)
    {
        var numbers = Numbers(value);
        return name switch
        {
            "--seconds" when numbers is [var n] => this with { Seconds = n },
            "--warmup" when numbers is [var n] => this with { WarmupSeconds = n },
            "--rows" when numbers is [var n] => this with { Rows = n },
            "--clients" when numbers.Length > 0 => this with { Clients = numbers },
            "--ranges" when numbers.Length > 0 => this with { Ranges = numbers },
            "--only" when value is "gateway" or "rest" or "put" or "get" or "one-row" or "transfer" or "hot" => this with { Only = value },
            "--metrics" when value is "on" or "off" => this with { Metrics = value == "on" },
            "--keep-versions" when numbers is [var n] => this with { KeepVersionsSeconds = n },
            "--dir" => this with { Folder = value },
            _ => null,
        };
    }

    private static ImmutableArray<int> Numbers(string text)
    {
        var numbers = ImmutableArray.CreateBuilder<int>();
        foreach (var part in text.Split(','))
        {
            if (!int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0)
            {
                return [];
            }

            numbers.Add(number);
        }

        return numbers.ToImmutable();
    }
}

/// <summary>A measurement that would say nothing: the cluster did not do what it was asked to.</summary>
internal sealed class BenchFailedException(string message) : Exception(message);
