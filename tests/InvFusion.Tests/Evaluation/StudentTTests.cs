using InvFusion.Evaluation;
using Xunit;

namespace InvFusion.Tests.Evaluation;

public sealed class StudentTTests
{
    [Theory] // from printed tables
    [InlineData(0.9, 1, 6.3138)]
    [InlineData(0.9, 3, 2.3534)]
    [InlineData(0.9, 30, 1.6973)]
    [InlineData(0.95, 10, 2.2281)]
    [InlineData(0.5, 2, 0.8165)]
    [InlineData(0.9, 4095, 1.6452)]
    public void Quantiles_are_those_of_the_tables(double part, int freedom, double expected) =>
        Assert.Equal(expected, StudentT.TwoSided(part, freedom), 1e-4);
}
