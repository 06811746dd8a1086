"""Tests of machine checks and risk flags."""
