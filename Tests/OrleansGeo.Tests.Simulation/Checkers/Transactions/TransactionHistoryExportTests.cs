using OrleansGeo.Simulation.Checkers.Transactions;
using Xunit;

namespace OrleansGeo.Tests.Simulation.Checkers.Transactions;

public sealed class TransactionHistoryExportTests
{
    [Fact]
    public void Lists_are_written_for_list_append()
    {
        const string Text = """
            0 [0..10] committed: append x 1; read x [1]
            1 [5..30] unknown: read y [?]; append x 2
            0 [10..20] aborted: append y 3
            1 [40..50] committed: scan x..z {x [1 2]}
            2 [60..] unknown: read x [?]
            """;
        const string Expected = """
            {:index 0, :process 0, :type :invoke, :f :txn, :value [[:append "x" 1] [:r "x" nil]], :time 0}
            {:index 1, :process 1, :type :invoke, :f :txn, :value [[:r "y" nil] [:append "x" 2]], :time 5000}
            {:index 2, :process 0, :type :ok, :f :txn, :value [[:append "x" 1] [:r "x" [1]]], :time 10000}
            {:index 3, :process 0, :type :invoke, :f :txn, :value [[:append "y" 3]], :time 10000}
            {:index 4, :process 0, :type :fail, :f :txn, :value [[:append "y" 3]], :time 20000}
            {:index 5, :process 1, :type :info, :f :txn, :value [[:r "y" nil] [:append "x" 2]], :time 30000}
            {:index 6, :process 4, :type :invoke, :f :txn, :value [[:r "x" nil] [:r "y" nil]], :time 40000}
            {:index 7, :process 4, :type :ok, :f :txn, :value [[:r "x" [1 2]] [:r "y" []]], :time 50000}
            {:index 8, :process 2, :type :invoke, :f :txn, :value [[:r "x" nil]], :time 60000}

            """;
        Assert.Equal(Expected, Written(Text), ignoreLineEndingDifferences: true);
    }

    [Fact]
    public void Registers_are_written_for_rw_register()
    {
        const string Text = "0 [0..10] committed@1: read x nothing; write x 1; delete y; scan x..y {x 1}";
        var lines = Written(Text).Split('\n');
        Assert.Equal(
            """{:index 1, :process 0, :type :ok, :f :txn, :value [[:r "x" nil] [:w "x" 1] [:w "y" nil] [:r "x" 1]], :time 10000}""",
            lines[1]);
    }

    private static string Written(string text)
    {
        using var output = new StringWriter();
        TransactionHistoryExport.WriteElle(TransactionTranscript.Parse(text), output);
        return output.ToString();
    }
}
