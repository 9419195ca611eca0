using System.Text.Json;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Checkers;

public sealed class HistoryExportTests
{
    private readonly History _history = new();

    public HistoryExportTests()
    {
        _history.Done(_history.Put(0, "x", "1", 0, "r1"), 10, HlcTimestamp.FromMillis(3));
        var read = _history.Read(1, "x", 5);
        _history.Unknown(_history.CompareAndSet(0, "x", "1", "say \"hi\"\n", 20), 25);
        _history.Found(read, "1", 25, HlcTimestamp.FromMillis(3));
        _history.Refused(_history.Insert(1, "x", "2", 25), 30);
        _history.Done(_history.Delete(0, "x", 40), 50);
        _history.Read(1, "x", 60);
    }

    [Fact]
    public void Edn_has_a_line_per_event_in_order_of_time()
    {
        const string Expected = """
            {:index 0, :process 0, :type :invoke, :f :write, :key "x", :value 1, :time 0}
            {:index 1, :process 1, :type :invoke, :f :read, :key "x", :value nil, :time 5000}
            {:index 2, :process 0, :type :ok, :f :write, :key "x", :value 1, :time 10000}
            {:index 3, :process 0, :type :invoke, :f :cas, :key "x", :value [1 "say \"hi\"\n"], :time 20000}
            {:index 4, :process 1, :type :ok, :f :read, :key "x", :value 1, :time 25000}
            {:index 5, :process 0, :type :info, :f :cas, :key "x", :value [1 "say \"hi\"\n"], :time 25000}
            {:index 6, :process 1, :type :invoke, :f :insert, :key "x", :value 2, :time 25000}
            {:index 7, :process 1, :type :fail, :f :insert, :key "x", :value 2, :time 30000, :error :condition}
            {:index 8, :process 2, :type :invoke, :f :delete, :key "x", :value nil, :time 40000}
            {:index 9, :process 2, :type :ok, :f :delete, :key "x", :value nil, :time 50000}
            {:index 10, :process 1, :type :invoke, :f :read, :key "x", :value nil, :time 60000}

            """;
        Assert.Equal(Expected, Written(HistoryExport.WriteEdn), ignoreLineEndingDifferences: true);
    }

    [Fact]
    public void Elle_gets_transactions_on_registers()
    {
        var lines = Written(HistoryExport.WriteElle).Split('\n');
        Assert.Equal("{:index 0, :process 0, :type :invoke, :f :txn, :value [[:w \"x\" 1]], :time 0}", lines[0]);
        Assert.Equal("{:index 1, :process 1, :type :invoke, :f :txn, :value [[:r \"x\" nil]], :time 5000}", lines[1]);
        Assert.Equal("{:index 4, :process 1, :type :ok, :f :txn, :value [[:r \"x\" 1]], :time 25000}", lines[4]);
        Assert.Contains(":value [[:r \"x\" nil] [:w \"x\" \"say \\\"hi\\\"\\n\"]]", lines[3], StringComparison.Ordinal);
    }

    [Fact]
    public void Json_lines_hold_everything_that_is_known()
    {
        var lines = Written(HistoryExport.WriteJsonLines).TrimEnd('\n').Split('\n');
        Assert.Equal(_history.Operations.Count, lines.Length);
        using var put = JsonDocument.Parse(lines[0]);
        Assert.Equal("write", put.RootElement.GetProperty("kind").GetString());
        Assert.Equal("ok", put.RootElement.GetProperty("outcome").GetString());
        Assert.Equal("3.00000", put.RootElement.GetProperty("version").GetString());
        Assert.Equal("r1", put.RootElement.GetProperty("requestId").GetString());
        using var cas = JsonDocument.Parse(lines[2]);
        Assert.Equal("unknown", cas.RootElement.GetProperty("outcome").GetString());
        Assert.Equal("say \"hi\"\n", cas.RootElement.GetProperty("value").GetString());
        using var open = JsonDocument.Parse(lines[^1]);
        Assert.False(open.RootElement.TryGetProperty("returnedAtMicros", out _));
    }

    private string Written(Action<History, TextWriter> write)
    {
        using var output = new StringWriter();
        write(_history, output);
        return output.ToString();
    }
}
